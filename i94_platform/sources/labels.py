"""The label file (I94_SAS_Labels_Descriptions.SAS) as code lists.

Here: a parser for the parts of SAS that the file uses (`value` statements, comments, quoted texts) and what a label
says about its code: the status, and the city, state and country of a port. Not here: the reviewed copies and the drift
against them (`contracts.codes`), and what country a country code is (`transforms.countries`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Integer

from i94_platform.contracts.codes import CODE_LISTS, cast_to_contract, read_port_corrections
from i94_platform.errors import PermanentError

if TYPE_CHECKING:
    import pandas as pd

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
      | (?P<mark>[=;])
      | (?P<open_comment>/\*)
      | (?P<open_quote>['"])
      | (?P<word>(?:(?!/\*)[^\s=;'"])+)""",
    re.VERBOSE | re.DOTALL,
)
_VISA_HEADING = re.compile(r"\s*i94visa\b", re.IGNORECASE)
_ENTRY_ON_HEADING = re.compile(r"\d\s*=\s*\S")
_STATEMENTS = {"value", "proc", "run"}

_COUNTRY_STATUS = {"invalid": r"^invalid\b", "no country code": r"^no country code\b", "collapsed": r"^collapsed\b"}
# A port called INVALID names a place that no arrival can have come through: as good as unknown.
_PORT_STATUS = {
    "no port code": r"^no port code\b",
    "collapsed": r"^collapsed\b",
    "unknown": r"^(?:not reported|unidentif|unknown|invalid)",
}
_PORT_NOTE = r"\s*#\w+|\s*\([^()]*\)\s*$"
_PORT_LABEL = r"^(?P<city>.*\S)\s*,\s*(?P<last>[^,]+)$"
_PORT_LABEL_WITHOUT_COMMA = r"^(?P<city>[^,]*[^,\s])\s+(?P<last>[A-Z]{2})$"


@dataclass(frozen=True)
class LabelEntry:
    """One code of a list: code and label without outer blanks, and the line of the file, from 1, that holds it."""

    code: str
    label: str
    line: int


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    line: int

    def is_mark(self, mark: str) -> bool:
        return self.kind == "mark" and self.text == mark

    @property
    def content(self) -> str:
        """The text that the token stands for: a quoted one without its quotes, doubled quotes single."""
        if self.kind != "quoted":
            return self.text
        quote = self.text[0]
        return self.text[1:-1].replace(quote * 2, quote)


class _Parser:
    """One pass over the file; `block` is the code list that is being read, which every failure names."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text.replace("\r\n", "\n").replace("\r", "\n")
        self._source = source
        self._block = ""
        self._blocks: dict[str, tuple[LabelEntry, ...]] = {}
        self._tokens = self._scan()

    def parse(self) -> dict[str, tuple[LabelEntry, ...]]:
        for token in self._tokens:
            if token.kind == "word" and token.text.lower() == "value":
                self._value_statement(token.line)
            elif not token.is_mark(";"):
                self._skip_statement()
        for name in CODE_LISTS:
            if name not in self._blocks:
                self._block = name
                raise self._failure(self._text.count("\n") + 1, "the file ends without this block", "deliver all five")
        return {name: self._blocks[name] for name in CODE_LISTS}

    def _scan(self) -> Iterator[_Token]:
        """The tokens that matter; comments are looked at for the visa list and then dropped."""
        line = 1
        for match in _TOKEN.finditer(self._text):
            token = _Token(str(match.lastgroup), match[0], line)
            line += token.text.count("\n")
            if token.kind == "comment":
                self._comment(token)
            elif token.kind == "open_comment":
                self._block = _VISA if _VISA_HEADING.match(self._text, match.end()) else self._block
                raise self._failure(token.line, "a comment is never closed", "close it with */")
            elif token.kind == "open_quote":
                raise self._failure(token.line, f"a text opened with {token.text} has no end on its line", "close it")
            elif token.kind not in ("blank", "remark"):
                yield token

    def _skip_statement(self) -> None:
        for token in self._tokens:
            if token.is_mark(";"):
                return

    def _value_statement(self, line: int) -> None:
        token = next(self._tokens, None)
        name = token.text if token else ""
        block = VALUE_NAMES.get(name.removeprefix("$").lower())
        if block is None:
            self._block = name or "without a name"
            raise self._failure(line, "this value block is not known", f"only {', '.join(VALUE_NAMES)} are expected")
        self._block = block
        self._keep(self._entries(line), line)
        self._block = ""

    def _entries(self, opened: int) -> Iterator[LabelEntry]:
        unclosed = f"the value statement opened on line {opened} is not closed before this line"
        for token in self._tokens:
            if token.is_mark(";"):
                return
            if token.kind == "word" and token.text.lower() in _STATEMENTS:
                raise self._failure(token.line, unclosed, "close it with ;")
            equals, label = next(self._tokens, None), next(self._tokens, None)
            if token.is_mark("="):
                raise self._failure(token.line, "a label has no code before its =", "give it one")
            if equals is None or not equals.is_mark("="):
                raise self._failure(token.line, f"code {token.content!r} is not followed by =", "write code = 'label'")
            if label is None or label.kind != "quoted":
                raise self._failure(token.line, f"code {token.content!r} has no quoted label", "write code = 'label'")
            yield self._entry(token.content, label.content, token.line)
        raise self._failure(self._text.count("\n") + 1, unclosed, "close it with ;")

    def _comment(self, token: _Token) -> None:
        """Keep the visa list, which is a comment headed I94VISA with one `code = label` a line; other comments pass."""
        body = token.text[2:-2]
        heading = _VISA_HEADING.match(body)
        if heading is None:
            return
        first, *lines = body[heading.end() :].split("\n")
        if not any("=" in line for line in lines):
            return
        outer, self._block = self._block, _VISA
        top = token.line + body.count("\n", 0, heading.end())
        if _ENTRY_ON_HEADING.search(first):
            raise self._failure(top, "an entry stands on the heading's line", "give it a line of its own")
        self._keep(self._comment_entries(lines, top + 1), top)
        self._block = outer

    def _comment_entries(self, lines: list[str], top: int) -> Iterator[LabelEntry]:
        for number, line in enumerate(lines, top):
            code, equals, label = line.partition("=")
            if equals:
                yield self._entry(code, label, number)
            elif line.strip():
                raise self._failure(number, f"{line.strip()!r} is no entry", "write code = label")

    def _entry(self, code: str, label: str, line: int) -> LabelEntry:
        code, label = code.strip(), label.strip()
        if not code:
            raise self._failure(line, f"label {label!r} has an empty code", "give it one")
        if not label:
            raise self._failure(line, f"code {code!r} has an empty label", "give it one")
        if self._block in _NUMERIC and not re.fullmatch(r"[0-9]{1,9}", code):
            raise self._failure(line, f"code {code!r} is not a whole number", "write it in up to nine digits")
        return LabelEntry(code, label, line)

    def _keep(self, entries: Iterable[LabelEntry], line: int) -> None:
        if self._block in self._blocks:
            raise self._failure(line, "this block stands twice in the file", "keep one of them")
        kept: dict[str | int, LabelEntry] = {}
        for entry in entries:
            # 7 and 007 are one code in a list of numbers
            code = int(entry.code) if self._block in _NUMERIC else entry.code
            if code in kept:
                problem = f"code {entry.code!r} stands a second time, first on line {kept[code].line}"
                raise self._failure(entry.line, problem, "keep one of them")
            kept[code] = entry
        if not kept:
            raise self._failure(line, "this block has no entries", "deliver the whole list")
        self._blocks[self._block] = tuple(kept.values())

    def _failure(self, line: int, problem: str, remedy: str) -> PermanentError:
        block = f"block {self._block}" if self._block else "outside the code lists"
        return PermanentError(f"{self._source}, line {line}, {block}: {problem}; {remedy}.")


def parse_labels(text: str, source: str) -> dict[str, tuple[LabelEntry, ...]]:
    """The five code lists of a label file: `i94cit_res`, `i94port`, `i94mode`, `i94addr`, `i94visa`, in file order.

    `source` is the file's name for messages. Lines may end in any way; codes and labels lose outer blanks and keep
    the rest as written. Raises `PermanentFailure`, with block and line, for a block that is missing, doubled, unknown
    or empty, a code that is doubled within its block, empty or not a number where the list has numbers, an empty
    label, and a text, comment or block that is never closed.
    """
    return _Parser(text, source).parse()


def parse_code_lists(text: str, source: str) -> dict[str, pd.DataFrame]:
    """The five code lists as frames in contract columns and types, rows in file order.

    Raises what `parse_labels` raises.
    """
    import pandas as pd

    frames = {
        name: pd.DataFrame({"code": [e.code for e in entries], "label": [e.label for e in entries]}, dtype="string")
        for name, entries in parse_labels(text, source).items()
    }
    countries, ports = frames["i94cit_res"], frames["i94port"]
    frames["i94cit_res"] = countries.assign(status=_status(countries["label"], _COUNTRY_STATUS))
    frames["i94port"] = _with_places(ports.assign(status=_status(ports["label"], _PORT_STATUS)), _states(frames))
    return {name: cast_to_contract(frame, CODE_LISTS[name]) for name, frame in frames.items()}


def _states(frames: dict[str, pd.DataFrame]) -> pd.Series[str]:
    """The listed codes that are states; 99 (all other codes) is none."""
    codes: pd.Series[str] = frames["i94addr"]["code"]
    return codes[codes.str.fullmatch(r"[A-Z]{2}")]


def _status(label: pd.Series[str], patterns: dict[str, str]) -> pd.Series[str]:
    """The status whose pattern the label matches, whatever its case; valid where none does."""
    import pandas as pd

    status = pd.Series("valid", index=label.index, dtype="string")
    for name, pattern in patterns.items():
        status = status.mask(label.str.contains(pattern, case=False, regex=True), name)
    return status


def _with_places(ports: pd.DataFrame, states: pd.Series[str]) -> pd.DataFrame:
    """Adds city, state and country: what follows the last comma is a listed state or else a country as written.

    Notes (`#ARPT`, a closing parenthesis) say nothing about the place. Without a comma only a listed state is split
    off. Only valid ports are read so; the reviewed corrections come before the rule, whatever the status.
    """
    place = ports["label"].where(ports["status"] == "valid").str.replace(_PORT_NOTE, "", regex=True).str.strip()
    spaced = place.str.extract(_PORT_LABEL_WITHOUT_COMMA)
    split = place.str.extract(_PORT_LABEL).fillna(spaced.where(spaced["last"].isin(states)))
    last = split["last"]
    listed = last.isin(states)
    read = ports.assign(
        city=split["city"].fillna(place),
        state=last.where(listed),
        country=last.mask(listed, "United States"),
    )
    corrections = read_port_corrections()
    corrected = ports["label"].isin(corrections.index)
    for column in ("city", "state", "country"):
        read[column] = read[column].mask(corrected, ports["label"].map(corrections[column]))
    return read
