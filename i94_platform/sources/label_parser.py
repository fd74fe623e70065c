"""The parser of the label file, for the parts of SAS that it uses: `value` statements, comments and quoted texts.

It also reads two ways in which people edit the file: a list without its semicolon before the next statement, and visa
codes that stand below their comment.

What a label says about its code is in `labels`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from sqlalchemy import Integer

from i94_platform.contracts.codes import CODE_LISTS
from i94_platform.errors import PermanentError

VALUE_NAMES = {"i94cntyl": "i94cit_res", "i94prtl": "i94port", "i94model": "i94mode", "i94addrl": "i94addr"}
"""The code list that each SAS `value` statement holds; i94visa has none, it stands in a comment."""

_NUMERIC = {name for name, contract in CODE_LISTS.items() if isinstance(contract.c.code.type, Integer)}
_VISA = "i94visa"

# A quoted text ends on its own line, so that a forgotten quote is found where it is and not at the next label.
# A statement that starts with a star is a comment up to its semicolon.
_TOKEN = re.compile(
    r"""(?P<remark>(?:\A|(?<=;)|(?<=\*/))\s*%?\*[^;]*;)
      | (?P<blank>\s+)
      | (?P<comment>/\*.*?\*/)
      | (?P<quoted>'(?:[^'\n]|'')*+' | "(?:[^"\n]|"")*+")
      | (?P<symbol>[=;])
      | (?P<open_comment>/\*)
      | (?P<open_quote>['"])
      | (?P<word>(?:(?!/\*)[^\s=;'"])+)""",
    re.VERBOSE | re.DOTALL,
)
_VISA_HEADING = re.compile(r"\s*i94visa\b", re.IGNORECASE)
_BARE_ENTRIES = re.compile(r"(?:[ \t]*\n)+(?:[ \t]*[0-9]+[ \t]*=[ \t]*[^\s'\"=;/][^'\"=;\n/]*(?:\n|\Z))+")
_ENTRY_ON_HEADING = re.compile(r"\d\s*=\s*\S")
_STATEMENTS = {"value", "proc", "run"}


@dataclass(frozen=True)
class LabelEntry:
    """One code of a list: code and label without outer blanks, and the line of the file, from 1, that holds it."""

    code: str
    label: str
    line: int


@dataclass(frozen=True)
class _Token:
    category: str
    text: str
    line: int

    def is_symbol(self, symbol: str) -> bool:
        return self.category == "symbol" and self.text == symbol

    @property
    def content(self) -> str:
        """The text without its quotes, if it has any; a doubled quote within is a single one."""
        if self.category != "quoted":
            return self.text
        quote = self.text[0]
        return self.text[1:-1].replace(quote * 2, quote)


class _Parser:
    """One pass over the file. Every error names the block, which is the code list that is being read."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text.replace("\r\n", "\n").replace("\r", "\n")
        self._source = source
        self._block = ""
        self._blocks: dict[str, tuple[LabelEntry, ...]] = {}
        self._tokens: Iterator[_Token] = self._scan()

    def parse(self) -> dict[str, tuple[LabelEntry, ...]]:
        while token := next(self._tokens, None):
            if token.category == "word" and token.text.lower() == "value":
                self._read_value_statement(token.line)
            elif not token.is_symbol(";"):
                self._skip_statement()
        for name in CODE_LISTS:
            if name not in self._blocks:
                self._block = name
                remedy = f"deliver all {len(CODE_LISTS)} code lists"
                raise self._error(self._text.count("\n") + 1, "the file ends without this block", remedy)
        return {name: self._blocks[name] for name in CODE_LISTS}

    def _scan(self) -> Iterator[_Token]:
        """Yield the tokens of statements. Comments yield none, but the one with the visa list is read."""
        line, position = 1, 0
        while match := _TOKEN.match(self._text, position):
            token = _Token(str(match.lastgroup), match[0], line)
            line, position = line + token.text.count("\n"), match.end()
            if token.category == "comment":
                entries = self._read_comment(token, _BARE_ENTRIES.match(self._text, position))
                line, position = line + entries.count("\n"), position + len(entries)
            elif token.category == "open_comment":
                self._block = _VISA if _VISA_HEADING.match(self._text, match.end()) else self._block
                raise self._error(token.line, "a comment is never closed", "close it with */")
            elif token.category == "open_quote":
                raise self._error(token.line, f"a text opened with {token.text} has no end on its line", "close it")
            elif token.category not in ("blank", "remark"):
                yield token

    def _skip_statement(self) -> None:
        for token in self._tokens:
            if token.is_symbol(";"):
                return

    def _read_value_statement(self, line: int) -> None:
        token = next(self._tokens, None)
        name = token.text if token else ""
        block = VALUE_NAMES.get(name.removeprefix("$").lower())
        if block is None:
            self._block = name or "without a name"
            raise self._error(line, "this value block is not known", f"only {', '.join(VALUE_NAMES)} are expected")
        self._block = block
        self._add_block(self._read_entries(line), line)
        self._block = ""

    def _read_entries(self, start: int) -> Iterator[LabelEntry]:
        unclosed = f"the value statement opened on line {start} is not closed before this line"
        for token in self._tokens:
            if token.is_symbol(";"):
                return
            if token.category == "word" and token.text.lower() in _STATEMENTS:
                self._tokens = chain([token], self._tokens)  # the next statement ends the list too
                return
            equals, label = next(self._tokens, None), next(self._tokens, None)
            if token.is_symbol("="):
                raise self._error(token.line, "a label has no code before its =", "give it one")
            if equals is None or not equals.is_symbol("="):
                raise self._error(token.line, f"code {token.content!r} is not followed by =", "write code = 'label'")
            if label is None or label.category != "quoted":
                raise self._error(token.line, f"code {token.content!r} has no quoted label", "write code = 'label'")
            yield self._parse_entry(token.content, label.content, token.line)
        raise self._error(self._text.count("\n") + 1, unclosed, "close it with ;")

    def _read_comment(self, token: _Token, bare_entries: re.Match[str] | None) -> str:
        """Read the visa list, which is a comment headed I94VISA with one `code = label` a line; skip other comments.

        If the comment has only the heading, `bare_entries` that follow it are the list. Return what was read of them.
        """
        body, used = token.text[2:-2], ""
        heading = _VISA_HEADING.match(body)
        if heading is None:
            return used
        if bare_entries and "=" not in body:
            used = bare_entries[0]
            body += used
        first, *lines = body[heading.end() :].split("\n")
        if not any("=" in line for line in lines):
            return used
        enclosing_block, self._block = self._block, _VISA
        top = token.line + body.count("\n", 0, heading.end())
        if _ENTRY_ON_HEADING.search(first):
            raise self._error(top, "an entry stands on the heading's line", "give it a line of its own")
        self._add_block(self._read_comment_entries(lines, top + 1), top)
        self._block = enclosing_block
        return used

    def _read_comment_entries(self, lines: list[str], top: int) -> Iterator[LabelEntry]:
        for number, line in enumerate(lines, top):
            code, equals, label = line.partition("=")
            if equals:
                yield self._parse_entry(code, label, number)
            elif line.strip():
                raise self._error(number, f"{line.strip()!r} is no entry", "write code = label")

    def _parse_entry(self, code: str, label: str, line: int) -> LabelEntry:
        code, label = code.strip(), label.strip()
        if not code:
            raise self._error(line, f"label {label!r} has an empty code", "give it one")
        if not label:
            raise self._error(line, f"code {code!r} has an empty label", "give it one")
        if self._block in _NUMERIC and not re.fullmatch(r"[0-9]{1,9}", code):
            raise self._error(line, f"code {code!r} is not a whole number", "write it in up to nine digits")
        return LabelEntry(code, label, line)

    def _add_block(self, entries: Iterable[LabelEntry], line: int) -> None:
        if self._block in self._blocks:
            raise self._error(line, "this block stands twice in the file", "keep one of them")
        by_code: dict[str | int, LabelEntry] = {}
        for entry in entries:
            # 7 and 007 are one code in a list of numbers
            code = int(entry.code) if self._block in _NUMERIC else entry.code
            if code in by_code:
                problem = f"code {entry.code!r} stands a second time, first on line {by_code[code].line}"
                raise self._error(entry.line, problem, "keep one of them")
            by_code[code] = entry
        if not by_code:
            raise self._error(line, "this block has no entries", "deliver the whole list")
        self._blocks[self._block] = tuple(by_code.values())

    def _error(self, line: int, problem: str, remedy: str) -> PermanentError:
        block = f"block {self._block}" if self._block else "outside the code lists"
        return PermanentError(f"{self._source}, line {line}, {block}: {problem}; {remedy}.")


def parse_labels(text: str, source: str) -> dict[str, tuple[LabelEntry, ...]]:
    """Parse the code lists of a label file: `i94cit_res`, `i94port`, `i94mode`, `i94addr`, `i94visa`, in file order.

    `source` is the file's name for messages. Lines may end in any way. Codes and labels lose outer blanks and keep the
    rest as written.

    Raises:
        PermanentError: a block that is missing, duplicate, unknown or empty; a code that is duplicate within its
            block, empty, or not a number where the list has numbers; an empty label; a text, comment or block that is
            never closed. The message names block and line.
    """
    return _Parser(text, source).parse()
