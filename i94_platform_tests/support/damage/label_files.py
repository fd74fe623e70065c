"""Damaged label files: entries that are lost, doubled or moved, and syntax that nobody can read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from i94_platform_tests.support.damage.drafts import TextDraft, insert_nul, use_encoding
from i94_platform_tests.support.damage.model import Case, LabelDelivery, Reading

_BLOCKS = {
    "i94cntyl": "i94cit_res",
    "i94prtl": "i94port",
    "i94model": "i94mode",
    "i94addrl": "i94addr",
    "I94VISA": "i94visa",
}
_HEADING = re.compile(r"\s*value \$?(\w+)|/\* (I94VISA)")
_ENTRY = re.compile(r"\s*'?([^'=]*?)'?\s*=\s*(?:'((?:[^']|'')*)'|(\S.*?))\s*;?\s*")
_NUMERIC = ("i94cit_res", "i94mode", "i94visa")


@dataclass
class Line:
    """A line of the file, and the entry that it holds."""

    text: str
    list_name: str = ""
    code: str = ""
    label: str = ""

    def with_label(self, label: str) -> Line:
        """Return the line with another label."""
        old, new = (text.replace("'", "''") for text in (self.label, label))
        start, equals, end = self.text.partition("=")
        return Line(start + equals + end.replace(old, new, 1), self.list_name, self.code, label)


@dataclass
class LabelDraft(TextDraft):
    """The lines of a label file."""

    lines: list[Line]
    random: Random
    newline: str = "\r\n"
    encoding: str = "utf-8"
    reading: Reading = Reading.READABLE
    last: list[Callable[[bytes], bytes]] = field(default_factory=list)

    def list_entries(self, list_name: str = "") -> list[int]:
        """List the places of the entries of one list, or of all."""
        return [place for place, line in enumerate(self.lines) if line.code and list_name in ("", line.list_name)]

    def choose_list(self) -> str:
        """Choose a list."""
        return self.random.choice(tuple(_BLOCKS.values()))


DamageLabels = Callable[[LabelDraft], None]


def drop_entries(draft: LabelDraft) -> None:
    places = draft.list_entries(draft.choose_list())
    # the last entry of a list may hold its end
    count = min(len(places) - 1, draft.random.choice((1, 1, 2, 5, 200)))
    lost = set(draft.random.sample(places[:-1], count))
    draft.lines = [line for place, line in enumerate(draft.lines) if place not in lost]


def repeat_entry(draft: LabelDraft) -> None:
    place = draft.random.choice(draft.list_entries())
    line = draft.lines[place]
    draft.lines.insert(place, Line(line.text.replace(";", ""), line.list_name, line.code, line.label))
    draft.refuse()


def swap_labels(draft: LabelDraft) -> None:
    first, second = draft.random.sample(draft.list_entries(draft.choose_list()), 2)
    labels = draft.lines[first].label, draft.lines[second].label
    draft.lines[first] = draft.lines[first].with_label(labels[1])
    draft.lines[second] = draft.lines[second].with_label(labels[0])


def shift_labels(draft: LabelDraft) -> None:
    places = draft.list_entries(draft.choose_list())
    labels = [draft.lines[place].label for place in places]
    for place, label in zip(places, labels[1:] + labels[:1], strict=True):
        draft.lines[place] = draft.lines[place].with_label(label)


def replace_label(draft: LabelDraft) -> None:
    place = draft.random.choice(draft.list_entries(draft.choose_list()))
    draft.lines[place] = draft.lines[place].with_label("Qqqq 7 7 7")


def respell_labels(draft: LabelDraft) -> None:
    """Change the case, which changes no meaning."""
    for place in draft.list_entries(draft.choose_list()):
        draft.lines[place] = draft.lines[place].with_label(draft.lines[place].label.lower())


def empty_label(draft: LabelDraft) -> None:
    place = draft.random.choice(draft.list_entries())
    draft.lines[place] = draft.lines[place].with_label(" ")
    draft.refuse()


def _edit_entry(draft: LabelDraft, old: str, new: str, list_name: str) -> None:
    place = draft.random.choice(draft.list_entries(list_name)[:-1] or draft.list_entries())
    line = draft.lines[place]
    draft.lines[place] = Line(line.text.replace(old, new, 1), line.list_name, line.code, line.label)
    draft.refuse()


def lose_equals(draft: LabelDraft) -> None:
    _edit_entry(draft, "=", " ", draft.choose_list())


def lose_quote(draft: LabelDraft) -> None:
    _edit_entry(draft, "'", "", draft.random.choice(("i94cit_res", "i94port", "i94mode", "i94addr")))


def spell_code(draft: LabelDraft) -> None:
    name = draft.random.choice(_NUMERIC)
    place = draft.random.choice(draft.list_entries(name))
    line = draft.lines[place]
    draft.lines[place] = Line(line.text.replace(line.code, "x1", 1), name, line.code, line.label)
    draft.refuse()


def lose_block(draft: LabelDraft) -> None:
    name = draft.choose_list()
    places = set(draft.list_entries(name))
    draft.lines = [line for place, line in enumerate(draft.lines) if place not in places]
    draft.refuse()


def repeat_block(draft: LabelDraft) -> None:
    draft.lines += [Line("value i94model"), Line("1 = 'Air' ;")]
    draft.refuse()


def rename_block(draft: LabelDraft) -> None:
    place = next(n for n, line in enumerate(draft.lines) if "i94prtl" in line.text)
    draft.lines[place] = Line(draft.lines[place].text.replace("i94prtl", "ports"))
    draft.refuse()


def open_comment(draft: LabelDraft) -> None:
    """Open a comment, which ends where the next one does; what stands between is lost."""
    place = draft.random.randrange(len(draft.lines))
    ends = [n for n, line in enumerate(draft.lines) if n >= place and "*/" in line.text]
    lost = draft.lines[place : ends[0] + 1] if ends else []
    is_in_visas = bool(lost) and any(line.list_name == "i94visa" for line in draft.lines[place - 1 : ends[0] + 1])
    if not ends or is_in_visas or any(_HEADING.match(line.text) for line in lost):
        draft.refuse()
    else:
        draft.refuse(Reading.UNCERTAIN)
    for line in lost:
        line.code = ""
    draft.lines.insert(place, Line("/* a note"))


def insert_comments(draft: LabelDraft) -> None:
    place = draft.random.choice(draft.list_entries("i94port"))
    draft.lines.insert(place, Line("/* reviewed; 1 = 'x' */"))
    draft.lines.append(Line(""))


def use_newline(draft: LabelDraft) -> None:
    draft.newline = draft.random.choice(("\n", "\r"))


def cut(draft: LabelDraft) -> None:
    def damage(content: bytes) -> bytes:
        return content[: draft.random.randrange(len(content))]

    draft.last.append(damage)
    draft.refuse(Reading.UNCERTAIN)


def replace_content(draft: LabelDraft) -> None:
    other = draft.random.choice((b"", b"\n", b"<html><body>404</body></html>\n", b"code,label\n1,Air\n", bytes(50)))
    draft.last.append(lambda content: other)
    draft.refuse()


LABEL_DAMAGES: dict[str, DamageLabels] = {
    "entries dropped": drop_entries,
    "entry repeated": repeat_entry,
    "labels swapped": swap_labels,
    "labels shifted": shift_labels,
    "label replaced": replace_label,
    "labels respelled": respell_labels,
    "label empty": empty_label,
    "equals lost": lose_equals,
    "quote lost": lose_quote,
    "code misspelled": spell_code,
    "block lost": lose_block,
    "block repeated": repeat_block,
    "block renamed": rename_block,
    "comment open": open_comment,
    "comments inserted": insert_comments,
    "other encoding": use_encoding,
    "other newline": use_newline,
    "cut": cut,
    "NUL": insert_nul,
    "other content": replace_content,
}


def parse_lines(content: bytes) -> list[Line]:
    """Parse the undamaged file."""
    lines, block = [], ""
    for text in content.decode().split("\r\n"):
        if heading := _HEADING.match(text):
            block = _BLOCKS[heading[1] or heading[2]]
            lines.append(Line(text))
        elif block and (entry := _ENTRY.fullmatch(text)):
            label = entry[2].replace("''", "'") if entry[2] is not None else entry[3]
            lines.append(Line(text, block, entry[1], label))
        else:
            block = block if text.strip() else ""
            lines.append(Line(text))
    return lines


def build_labels(case: Case, content: bytes) -> LabelDelivery:
    """Build the damaged file of a case from the undamaged one."""
    draft = LabelDraft(parse_lines(content), case.random)
    for name in case.damages:
        LABEL_DAMAGES[name](draft)
    delivered = draft.damage_bytes(draft.newline.join(line.text for line in draft.lines).encode(draft.encoding))
    lists: dict[str, dict[str | int, str]] = {name: {} for name in _BLOCKS.values()}
    for line in draft.lines:
        if line.code:
            code: str | int = int(line.code) if line.list_name in _NUMERIC else line.code.strip()
            lists[line.list_name][code] = line.label.strip()
    return LabelDelivery(delivered, lists, draft.reading)
