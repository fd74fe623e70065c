"""A hook of MkDocs: links that lead to files outside docs/ become their text, because the site does not hold them.

`tools/check_docs.py` checks that these files exist.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((\.\./[^)\s]+)\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Replace the links of a page that leave docs/ by their text."""
    folder = posixpath.dirname(page.file.src_uri)

    def replace(match: re.Match[str]) -> str:
        leaves_docs = posixpath.normpath(posixpath.join(folder, match[2])).startswith("..")
        return match[1] if leaves_docs else match[0]

    return LINK.sub(replace, markdown)
