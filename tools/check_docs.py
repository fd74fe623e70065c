"""Check that every relative link and anchor in the Markdown files leads somewhere; print those that don't."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent

FENCE = re.compile(r"^ {0,3}(```|~~~).*?^ {0,3}\1", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
LINK = re.compile(r"\]\(\s*<?([^)<>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)|^ {0,3}\[[^\]]+\]:\s+(\S+)", re.MULTILINE)
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.+?)\s*#*\s*$", re.MULTILINE)
HTML_ANCHOR = re.compile(r"<[^>]+\s(?:id|name)=\"([^\"]+)\"")


def blank_out(match: re.Match[str]) -> str:
    """Replace a match by its line breaks, so that line numbers stay."""
    return "\n" * match.group().count("\n")


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives to a heading."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a Markdown file; a repeated heading gets a number."""
    text = FENCE.sub(blank_out, page.read_text("utf-8"))
    names: set[str] = set(HTML_ANCHOR.findall(text))
    for heading in HEADING.findall(text):
        base = anchor = slug(heading)
        number = 0
        while anchor in names:
            number += 1
            anchor = f"{base}-{number}"
        names.add(anchor)
    return frozenset(names)


def broken_links(page: Path) -> Iterator[str]:
    """Yield a message for each link of a Markdown file that leads nowhere."""
    text = INLINE_CODE.sub(blank_out, FENCE.sub(blank_out, page.read_text("utf-8")))
    for match in LINK.finditer(text):
        link = match[1] or match[2]
        if re.match(r"[a-z][a-z0-9+.-]*:|//", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        place = f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}"
        if not target.exists():
            yield f"{place}: {link}: there is no such file"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            yield f"{place}: {link}: {target.name} has no heading with this anchor"


def main() -> int:
    """Check the Markdown files that git knows or would add; the exit code."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    pages = [ROOT / name for name in sorted(set(listed.split("\0")) - {""}) if (ROOT / name).exists()]
    problems = [problem for page in pages for problem in broken_links(page)]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
