"""Test the label parser: what it reads whole, what it rejects and where, and the real file's counts.

Parsers that search for a block's name and cut at the next semicolon lost labels with `;`, `=` or `/`, took a name in a
comment for the block, and kept blanks and doubled quotes that stand inside the quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i94_platform.contracts.codes import CODE_LISTS
from i94_platform.errors import PermanentError
from i94_platform.sources.label_parser import VALUE_NAMES, LabelEntry, parse_labels
from i94_platform_tests.sources.label_files import SMALL

LABEL_FILE = "I94_SAS_Labels_Descriptions.SAS"


def pairs(entries: tuple[LabelEntry, ...]) -> list[tuple[str, str]]:
    return [(e.code, e.label) for e in entries]


def parse_error(text: str) -> str:
    with pytest.raises(PermanentError) as caught:
        parse_labels(text, "labels.sas")
    return str(caught.value)


def test_every_entry_has_its_code_its_label_and_the_line_of_its_code() -> None:
    assert parse_labels(SMALL, "labels.sas") == {
        "i94cit_res": (
            LabelEntry("582", "MEXICO Air Sea", 5),
            LabelEntry("0", "INVALID: STATELESS", 6),
            LabelEntry("996", "No Country Code (996)", 7),
        ),
        "i94port": (LabelEntry("ALC", "ALCAN, AK", 9), LabelEntry("CP", "No PORT Code (CP)", 10)),
        "i94mode": (LabelEntry("1", "Air", 13), LabelEntry("9", "Not reported", 14)),
        "i94addr": (LabelEntry("AK", "ALASKA", 16), LabelEntry("99", "All Other Codes", 17)),
        "i94visa": (LabelEntry("1", "Business", 19), LabelEntry("2", "Pleasure", 20)),
    }


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_line_endings_change_neither_entries_nor_line_numbers(ending: str) -> None:
    assert parse_labels(SMALL.replace("\n", ending), "labels.sas") == parse_labels(SMALL, "labels.sas")


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("'A = B'", "A = B"),
        ("'A; B'", "A; B"),
        ("'A / B, C'", "A / B, C"),
        ("'A */ B'", "A */ B"),
        ("'A /* B'", "A /* B"),
        ("'INT''L FALLS, MN '", "INT'L FALLS, MN"),
        ("'''Q'''", "'Q'"),
        ("'say \"A\"'", 'say "A"'),
        ('"INT\'L; ""A"""', 'INT\'L; "A"'),
        ("'value i94addrl'", "value i94addrl"),
    ],
)
def test_a_quoted_label_is_kept_whole(written: str, label: str) -> None:
    entries = parse_labels(SMALL.replace("'ALCAN, AK   '", written), "labels.sas")["i94port"]
    assert pairs(entries) == [("ALC", label), ("CP", "No PORT Code (CP)")]


def test_comments_within_a_block_are_passed_over_and_counted_as_lines() -> None:
    text = SMALL.replace("'ALC'", "/* don't; 'X' = 'y'\n */ 'ALC' /* = */ ")
    assert parse_labels(text, "labels.sas")["i94port"][0] == LabelEntry("ALC", "ALCAN, AK", 10)


def test_a_statement_that_starts_with_a_star_is_a_comment() -> None:
    text = SMALL.replace("value i94model", "* value i94model: don't read this ;\n* nor this;\nvalue i94model")
    assert pairs(parse_labels(text, "labels.sas")["i94mode"]) == [("1", "Air"), ("9", "Not reported")]


@pytest.mark.parametrize("name", ["value I94PRTL", "VALUE $I94PRTL", "Value\n$i94prtl"])
def test_value_names_are_known_in_any_case_with_or_without_a_dollar(name: str) -> None:
    entries = parse_labels(SMALL.replace("value $i94prtl", name), "labels.sas")["i94port"]
    assert pairs(entries) == [("ALC", "ALCAN, AK"), ("CP", "No PORT Code (CP)")]


@pytest.mark.parametrize(
    "mention",
    [
        "/* i94visa */",
        "/* I94VISA: 1 = Business is explained below */",
        "/* the I94VISA codes:\n 7 = Nothing\n */",
        "/* I94VISAS\n 7 = Nothing */",
        "* I94VISA 7 = Nothing ;",
    ],
)
def test_a_mention_of_i94visa_is_not_the_visa_list(mention: str) -> None:
    for text in (f"{mention}\n{SMALL}", f"{SMALL}\n{mention}\n"):
        assert pairs(parse_labels(text, "labels.sas")["i94visa"]) == [("1", "Business"), ("2", "Pleasure")]


def test_the_visa_list_is_read_under_a_heading_in_any_case_and_with_labels_of_any_text() -> None:
    text = SMALL.replace("I94VISA", "i94visa").replace("Business", "Business = work; don't ask")
    entries = parse_labels(text, "labels.sas")["i94visa"]
    assert entries == (LabelEntry("1", "Business = work; don't ask", 19), LabelEntry("2", "Pleasure", 20))


@pytest.mark.parametrize(
    ("old", "new", "block", "line", "problem"),
    [
        ("'ALC'", "'CP'", "i94port", 10, "code 'CP' stands a second time, first on line 9"),
        ("996 =", "0582 =", "i94cit_res", 7, "code '0582' stands a second time, first on line 5"),
        ("2 = Pleasure", "1 = Pleasure", "i94visa", 20, "code '1' stands a second time, first on line 19"),
        ("'ALC'", "'  '", "i94port", 9, "empty code"),
        ("9 =", "=", "i94mode", 14, "no code before its ="),
        ("2 = Pleasure", "  = Pleasure", "i94visa", 20, "empty code"),
        ("'ALASKA'", "''", "i94addr", 16, "code 'AK' has an empty label"),
        ("'ALASKA'", "'  '", "i94addr", 16, "code 'AK' has an empty label"),
        ("1 = 'Air'", "1 =", "i94mode", 13, "code '1' has no quoted label"),
        ("1 = 'Air'", "1 = Air", "i94mode", 13, "code '1' has no quoted label"),
        ("1 = 'Air'", "1 'Air'", "i94mode", 13, "code '1' is not followed by ="),
        ("1 = Business", "1 = ", "i94visa", 19, "code '1' has an empty label"),
        ("1 = Business", "1 Business", "i94visa", 19, "'1 Business' is no entry"),
        ("codes:", "codes: 3 = Student", "i94visa", 18, "an entry stands on the heading's line"),
        ("582 =", "58X =", "i94cit_res", 5, "code '58X' is not a whole number"),
        ("1 = Business", "B = Business", "i94visa", 19, "code 'B' is not a whole number"),
        ("'ALCAN, AK   '", "'ALCAN, AK", "i94port", 9, "a text opened with ' has no end on its line"),
        ("'ALCAN, AK   '", '"ALCAN, AK', "i94port", 9, 'a text opened with " has no end on its line'),
        ("'ALCAN, AK   '", "'ALCAN''", "i94port", 9, "a text opened with ' has no end on its line"),
        ("value i94model", "value i94visal", "i94visal", 12, "this value block is not known"),
        ("value i94model", "value $I94PRTL", "i94port", 12, "this block stands twice"),
        ("/* COUNT", "/* I94VISA again:\n 1 = Business\n", "i94visa", 22, "this block stands twice"),
        ("value i94model", "invalue i94model", "i94mode", 23, "the file ends without this block"),
        ("I94VISA", "VISA", "i94visa", 23, "the file ends without this block"),
        ("  1 = 'Air'\n  9 = 'Not reported' ;", "  ;", "i94mode", 12, "this block has no entries"),
    ],
)
def test_a_broken_file_is_rejected_with_file_line_and_block(
    old: str, new: str, block: str, line: int, problem: str
) -> None:
    assert SMALL.count(old) == 1
    message = parse_error(SMALL.replace(old, new))
    assert message.startswith(f"labels.sas, line {line}, block {block}: ")
    assert problem in message


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        (SMALL[: SMALL.index("*/\n/* COUNT")], "line 18, block i94visa", "a comment is never closed"),
        (
            SMALL[: SMALL.index("/* I94VISA")].replace("9 = 'Not", "/* 9 = 'Not"),
            "line 14, block i94mode",
            "a comment is never closed",
        ),
        (
            SMALL.replace("location' ;", "location ;"),
            "line 1, outside the code lists",
            "a text opened with ' has no end",
        ),
    ],
)
def test_a_comment_or_text_that_is_never_closed_is_rejected_where_it_opens(text: str, where: str, problem: str) -> None:
    message = parse_error(text)
    assert message.startswith(f"labels.sas, {where}: ")
    assert problem in message


@pytest.mark.parametrize(("ending", "block"), [("(996)' ;", "i94cit_res"), ("Codes' ;", "i94addr")])
def test_the_next_statement_ends_a_list_without_its_semicolon(ending: str, block: str) -> None:
    text = SMALL.replace(ending, ending.removesuffix(" ;")) + "run ;\n"
    assert parse_labels(text, "labels.sas")[block] == parse_labels(SMALL, "labels.sas")[block]


def test_the_end_of_the_file_does_not_end_a_list() -> None:
    text = SMALL[: SMALL.index("Codes' ;")] + "Codes'"
    assert "the value statement opened on line 15 is not closed" in parse_error(text)


def test_visa_codes_below_their_comment_are_read() -> None:
    start, end = SMALL.index("/* I94VISA"), SMALL.index("*/", SMALL.index("/* I94VISA"))
    heading, _, entries = SMALL[start:end].partition("\n")
    text = f"{SMALL[:start]}{heading} */\n\n{entries}\n{SMALL[end + 2 :]}"
    visas = parse_labels(text, "labels.sas")["i94visa"]
    assert visas == (LabelEntry("1", "Business", 20), LabelEntry("2", "Pleasure", 21))


def test_an_empty_file_lacks_the_first_block() -> None:
    assert "block i94cit_res: the file ends without this block" in parse_error("")


@pytest.mark.parametrize("name", list(CODE_LISTS))
def test_a_file_without_one_block_is_rejected_and_the_block_named(name: str) -> None:
    value_names = {block: value for value, block in VALUE_NAMES.items()}
    without = (
        SMALL.replace("I94VISA", "VISA")
        if name == "i94visa"
        else re.sub(rf"value \$?{value_names[name]}\n[^;]*;", "", SMALL)
    )
    assert f"block {name}: the file ends without this block" in parse_error(without)


LINE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")) | st.sampled_from("'\"=;/*,$ "), max_size=20)
LABELS = LINE.filter(str.strip)
NUMBERS = st.integers(0, 999).map(str)
COMMENTS = st.one_of(
    st.just(""),
    st.sampled_from(["/* I94VISA 1 = don't */", "/* value i94cntyl 7 = 'x'; */", "/* $i94prtl;\n don't */", "/**/"]),
    LINE.map(lambda text: f"/* - {text.replace('*/', '').rstrip('*')} */"),
)
REMARKS = st.sampled_from(["", "* value i94cntyl isn't here;", "%* 1 = 'x' ;", "run;", "libname a 'value b' ;"])
BLANKS = st.sampled_from(["", " ", "\t", " \t "])


@dataclass(frozen=True)
class LabelFile:
    text: str
    expected: dict[str, list[tuple[str, str]]]


def quote_literal(draw: st.DrawFn, text: str) -> str:
    quote = draw(st.sampled_from("'\""))
    return quote + text.replace(quote, quote * 2) + quote


@st.composite
def label_files(draw: st.DrawFn) -> LabelFile:
    """A label file with random codes and labels, blocks in any order, and everything that may stand between them."""
    parts, expected = [], {}
    for value, name in VALUE_NAMES.items():
        numeric = name in ("i94cit_res", "i94mode")
        codes = NUMBERS if numeric else LABELS
        entries = draw(st.dictionaries(codes.map(str.strip), LABELS, min_size=1, max_size=4))
        lines = []
        for code, label in entries.items():
            written = code if numeric else quote_literal(draw, draw(BLANKS) + code + draw(BLANKS))
            equals = f"{draw(BLANKS)}={draw(BLANKS)}"
            lines.append(f"{draw(BLANKS)}{written}{equals}{quote_literal(draw, label)}{draw(BLANKS)}{draw(COMMENTS)}")
        keyword = draw(st.sampled_from(["value", "VALUE"]))
        dollar = draw(st.sampled_from(["", "$"]))
        parts.append(f"{keyword} {dollar}{value}\n" + "\n".join(lines) + draw(st.sampled_from([";", "\n;", " ;"])))
        expected[name] = [(code, label.strip()) for code, label in entries.items()]
    visas = draw(st.dictionaries(NUMBERS, LABELS.filter(lambda text: "*/" not in text), min_size=1, max_size=4))
    listed = "\n".join(f" {code}{draw(BLANKS)}={draw(BLANKS)}{label}" for code, label in visas.items())
    parts.append(f"/*{draw(BLANKS)}{draw(st.sampled_from(['I94VISA', 'i94visa']))} - codes:\n{listed}\n*/")
    expected["i94visa"] = [(code, label.strip()) for code, label in visas.items()]
    between = [f"{draw(COMMENTS)}\n{part}\n{draw(REMARKS)}" for part in draw(st.permutations(parts))]
    return LabelFile("\n".join(between).replace("\n", draw(st.sampled_from(["\n", "\r\n"]))), expected)


@given(label_files())
def test_any_label_file_is_read_back_as_it_was_written(file: LabelFile) -> None:
    parsed = parse_labels(file.text, "labels.sas")
    assert {name: pairs(entries) for name, entries in parsed.items()} == file.expected
    lines = re.split(r"\r?\n", file.text)
    plain = [e for entries in parsed.values() for e in entries if not set("'\"") & set(e.code)]
    assert [e for e in plain if e.code not in lines[e.line - 1]] == []


@given(
    st.lists(st.sampled_from([*"'\"=;/*\n 1aV", "value ", "i94cntyl", "/* I94VISA", "*/", "\n1 = a\n"]), max_size=40)
)
def test_no_text_makes_the_parser_fail_without_naming_a_line(parts: list[str]) -> None:
    assert parse_error("".join(parts)).startswith("labels.sas, line ")


@pytest.fixture
def real_text(real_data: Path) -> str:
    return (real_data / LABEL_FILE).read_text(encoding="ascii")


@pytest.mark.real_data
def test_the_real_file_has_all_its_entries_from_first_to_last(real_text: str) -> None:
    parsed = parse_labels(real_text, LABEL_FILE)
    counts = {name: len(entries) for name, entries in parsed.items()}
    assert counts == {"i94cit_res": 289, "i94port": 660, "i94mode": 4, "i94addr": 55, "i94visa": 3}
    mexico = "MEXICO Air Sea, and Not Reported (I-94, no land arrivals)"
    assert {name: (entries[0], entries[-1]) for name, entries in parsed.items()} == {
        "i94cit_res": (LabelEntry("582", mexico, 10), LabelEntry("996", "No Country Code (996)", 298)),
        "i94port": (LabelEntry("ALC", "ALCAN, AK", 303), LabelEntry("OSN", "No PORT Code (OSN)", 962)),
        "i94mode": (LabelEntry("1", "Air", 973), LabelEntry("9", "Not reported", 976)),
        "i94addr": (LabelEntry("AL", "ALABAMA", 982), LabelEntry("99", "All Other Codes", 1036)),
        "i94visa": (LabelEntry("1", "Business", 1047), LabelEntry("3", "Student", 1049)),
    }


@pytest.mark.real_data
def test_the_irregular_entries_of_the_real_file_are_read_as_meant(real_text: str) -> None:
    parsed = {name: dict(pairs(entries)) for name, entries in parse_labels(real_text, LABEL_FILE).items()}
    ports = parsed["i94port"]
    assert ports["CP"] == "No PORT Code (CP)"
    assert ports["INT"] == "INT'L FALLS, MN"
    assert ports["WA5"] == "No PORT Code (WAS)"
    assert ports["060"] == "No PORT Code (60)"
    assert ports["HOM"] == "HOMER, AK"
    assert ports["888"] == "UNIDENTIFED AIR / SEAPORT"
    assert parsed["i94cit_res"]["687"] == "ARGENTINA"
    assert parsed["i94cit_res"]["0"] == parsed["i94cit_res"]["705"] == "INVALID: STATELESS"
    assert parsed["i94addr"]["WI"] == "WISCONSON"
    assert {name: len(set(labels.values())) for name, labels in parsed.items()} == {
        "i94cit_res": 287, "i94port": 653, "i94mode": 4, "i94addr": 55, "i94visa": 3,
    }  # fmt: skip


@pytest.mark.real_data
@pytest.mark.parametrize("variant", ["labels-no-semicolon-after-99.SAS", "labels-visa-uncommented.SAS"])
def test_public_variants_with_whole_lists_are_read(variants: Path, real_text: str, variant: str) -> None:
    file = variants / variant
    parsed = parse_labels(file.read_text(encoding="ascii"), variant)
    assert parsed == parse_labels(real_text, LABEL_FILE)


@pytest.mark.real_data
def test_a_file_with_one_list_is_refused(variants: Path) -> None:
    file = variants / "labels-one-list-only.SAS"
    with pytest.raises(PermanentError, match="the file ends without this block"):
        parse_labels(file.read_text(encoding="ascii"), file.name)
