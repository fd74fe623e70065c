"""Pins the label parser: what it must read whole, what it must refuse and where it says so, and the real file's counts.

Parsers that search for a block's name and cut at the next semicolon lost labels with `;`, `=` or `/`, took a name in a
comment for the block, and kept blanks and doubled quotes that stand inside the quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from i94_platform.contracts import LOOKUPS
from i94_platform.contracts.codes import CODE_LISTS, cast_to_contract, read_port_corrections, read_reviewed_list
from i94_platform.contracts.model import column_names
from i94_platform.errors import PermanentError
from i94_platform.sources.label_parser import VALUE_NAMES, LabelEntry, parse_labels
from i94_platform.sources.labels import parse_code_lists

LABEL_FILE = "I94_SAS_Labels_Descriptions.SAS"

SMALL = """\
libname library 'Your file location' ;
proc format library=library ;
/* I94CIT - see value i94cntyl and $i94prtl 1 = 'x'; don't be misled */
  value i94cntyl
   582 =  'MEXICO Air Sea'
     0 =  'INVALID: STATELESS'
   996 =  'No Country Code (996)' ;
value $i94prtl
  'ALC'\t=\t'ALCAN, AK   '
  'CP '\t=\t'No PORT Code (CP)'
;
value i94model
  1 = 'Air'
  9 = 'Not reported' ;
value i94addrl
  'AK'='ALASKA'
  '99'='All Other Codes' ;
/* I94VISA - Visa codes:
   1 = Business
   2 = Pleasure
*/
/* COUNT = a number */
"""


def pairs(entries: tuple[LabelEntry, ...]) -> list[tuple[str, str]]:
    return [(e.code, e.label) for e in entries]


def refusal(text: str) -> str:
    with pytest.raises(PermanentError) as caught:
        parse_labels(text, "labels.sas")
    return str(caught.value)


def with_ports(*labels: str) -> pd.DataFrame:
    """The ports P00, P01, ... with these labels, beside the states AK, TX, WA, DC and GA, indexed by label."""
    ports = "\n".join(f"'P{i:02}'='{label}'" for i, label in enumerate(labels))
    text = SMALL.replace("'ALC'\t=\t'ALCAN, AK   '", ports)
    text = text.replace("'AK'='ALASKA'", "'AK'='A' 'TX'='T' 'WA'='WASHINGTON' 'DC'='D' 'GA'='GEORGIA'")
    frame = parse_code_lists(text, "labels.sas")["i94port"]
    return frame[frame["code"].str.fullmatch(r"P\d\d")].set_index("label")


def place_of(label: str) -> tuple[str | None, ...]:
    row = with_ports(label).iloc[0]
    return tuple(None if pd.isna(row[c]) else str(row[c]) for c in ("city", "state", "country"))


# --- what is read -----------------------------------------------------------------------------------------------------


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


def test_the_visa_heading_is_known_in_lower_case() -> None:
    entries = parse_labels(SMALL.replace("I94VISA", "i94visa"), "labels.sas")["i94visa"]
    assert pairs(entries) == [("1", "Business"), ("2", "Pleasure")]


def test_a_visa_label_with_an_equals_sign_is_kept_whole() -> None:
    entries = parse_labels(SMALL.replace("Business", "Business = work; don't ask"), "labels.sas")["i94visa"]
    assert entries[0] == LabelEntry("1", "Business = work; don't ask", 19)


# --- what is refused --------------------------------------------------------------------------------------------------


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
        ("(996)' ;", "(996)'", "i94cit_res", 8, "the value statement opened on line 4 is not closed"),
        ("Codes' ;", "Codes'", "i94addr", 23, "the value statement opened on line 15 is not closed"),
        ("value i94model", "value i94visal", "i94visal", 12, "this value block is not known"),
        ("value i94model", "value $I94PRTL", "i94port", 12, "this block stands twice"),
        ("/* COUNT", "/* I94VISA again:\n 1 = Business\n", "i94visa", 22, "this block stands twice"),
        ("value i94model", "invalue i94model", "i94mode", 23, "the file ends without this block"),
        ("I94VISA", "VISA", "i94visa", 23, "the file ends without this block"),
        ("  1 = 'Air'\n  9 = 'Not reported' ;", "  ;", "i94mode", 12, "this block has no entries"),
    ],
)
def test_a_broken_file_is_refused_with_source_block_and_line(
    old: str, new: str, block: str, line: int, problem: str
) -> None:
    assert SMALL.count(old) == 1
    message = refusal(SMALL.replace(old, new))
    assert message.startswith(f"labels.sas, line {line}, block {block}: ")
    assert problem in message


def test_a_visa_comment_that_is_never_closed_is_refused_by_name() -> None:
    message = refusal(SMALL[: SMALL.index("*/\n/* COUNT")])
    assert message == "labels.sas, line 18, block i94visa: a comment is never closed; close it with */."


def test_a_comment_opened_within_a_block_and_never_closed_is_refused() -> None:
    text = SMALL[: SMALL.index("/* I94VISA")].replace("9 = 'Not", "/* 9 = 'Not")
    assert refusal(text).startswith("labels.sas, line 14, block i94mode: a comment is never closed")


def test_a_quote_left_open_before_any_block_is_refused_by_line() -> None:
    message = refusal(SMALL.replace("location' ;", "location ;"))
    assert message.startswith("labels.sas, line 1, outside the code lists: a text opened with ' has no end")


@pytest.mark.parametrize("name", list(CODE_LISTS))
def test_an_empty_file_and_a_file_without_one_block_name_the_missing_block(name: str) -> None:
    assert "block i94cit_res: the file ends without this block" in refusal("")
    spelled = {block: value for value, block in VALUE_NAMES.items()}
    without = (
        SMALL.replace("I94VISA", "VISA")
        if name == "i94visa"
        else re.sub(rf"value \$?{spelled[name]}\n[^;]*;", "", SMALL)
    )
    assert f"block {name}: the file ends without this block" in refusal(without)


# --- any file ---------------------------------------------------------------------------------------------------------

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
class Rendered:
    text: str
    expected: dict[str, list[tuple[str, str]]]


def quote_literal(draw: st.DrawFn, text: str) -> str:
    quote = draw(st.sampled_from("'\""))
    return quote + text.replace(quote, quote * 2) + quote


@st.composite
def label_files(draw: st.DrawFn) -> Rendered:
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
    return Rendered("\n".join(between).replace("\n", draw(st.sampled_from(["\n", "\r\n"]))), expected)


@given(label_files())
def test_any_label_file_is_read_back_as_it_was_written(rendered: Rendered) -> None:
    parsed = parse_labels(rendered.text, "labels.sas")
    assert {name: pairs(entries) for name, entries in parsed.items()} == rendered.expected
    lines = re.split(r"\r?\n", rendered.text)
    plain = [e for entries in parsed.values() for e in entries if not set("'\"") & set(e.code)]
    assert [e for e in plain if e.code not in lines[e.line - 1]] == []


@given(
    st.lists(st.sampled_from([*"'\"=;/*\n 1aV", "value ", "i94cntyl", "/* I94VISA", "*/", "\n1 = a\n"]), max_size=40)
)
def test_no_text_makes_the_parser_fail_in_any_other_way(parts: list[str]) -> None:
    assert refusal("".join(parts)).startswith("labels.sas, line ")


# --- frames -----------------------------------------------------------------------------------------------------------


def test_frames_have_the_contract_columns_in_order_and_its_types() -> None:
    frames = parse_code_lists(SMALL, "labels.sas")
    assert {name: list(frame.columns) for name, frame in frames.items()} == {t.name: column_names(t) for t in LOOKUPS}
    assert {name: str(frame["code"].dtype) for name, frame in frames.items()} == {
        "i94cit_res": "Int64", "i94port": "string", "i94mode": "Int64", "i94addr": "string", "i94visa": "Int64",
    }  # fmt: skip
    assert {str(frame[c].dtype) for frame in frames.values() for c in frame.columns if c != "code"} == {"string"}
    assert frames["i94port"].loc[1, "city"] is pd.NA


@pytest.mark.parametrize(
    ("label", "status"),
    [
        ("ALBANIA", "valid"),
        ("INVALID: USSR", "invalid"),
        ("No Country Code (54)", "no country code"),
        ("Collapsed Tanzania (should not show)", "collapsed"),
        ("MEXICO Air Sea, and Not Reported (I-94, no land arrivals)", "valid"),
    ],
)
def test_the_status_of_a_country_is_what_its_label_starts_with(label: str, status: str) -> None:
    frame = parse_code_lists(SMALL.replace("MEXICO Air Sea", label), "labels.sas")["i94cit_res"]
    assert frame.loc[0, "status"] == status


@pytest.mark.parametrize(
    ("label", "status"),
    [
        ("ALCAN, AK", "valid"),
        ("Abu Dhabi", "valid"),
        ("MEXICO Land (Banco de Mexico)", "valid"),
        ("No PORT Code (60)", "no port code"),
        ("Collapsed (FOK) 06/15", "collapsed"),
        ("Collapsed into INT, MN", "collapsed"),
        ("NOT REPORTED/UNKNOWN", "unknown"),
        ("UNIDENTIFED AIR / SEAPORT", "unknown"),
        ("UNKNOWN POE", "unknown"),
        ("INVALID - IWAKUNI, JAPAN", "unknown"),
    ],
)
def test_the_status_of_a_port_is_what_its_label_starts_with(label: str, status: str) -> None:
    assert with_ports(label)["status"].tolist() == [status]


@pytest.mark.parametrize(
    ("label", "city", "state", "country"),
    [
        ("ALCAN, AK", "ALCAN", "AK", "United States"),
        ("PASO DEL NORTE,TX", "PASO DEL NORTE", "TX", "United States"),
        ("MARFA, TX (BPS)", "MARFA", "TX", "United States"),
        ("NAPLES, TX #ARPT", "NAPLES", "TX", "United States"),
        ("WASHINGTON DC", "WASHINGTON", "DC", "United States"),
        ("HULL FIELD, SUGAR LAND ARPT, TX", "HULL FIELD, SUGAR LAND ARPT", "TX", "United States"),
        ("BELLINGHAM, WASHINGTON #INTL", "BELLINGHAM", "WA", "United States"),
        ("TBILISI, GEORGIA", "TBILISI", None, "GEORGIA"),
        ("TIVAT, ZZ", "TIVAT", None, "ZZ"),
        ("TIVAT ZZ", "TIVAT ZZ", None, None),
        ("DUBLIN, IRELAND", "DUBLIN", None, "IRELAND"),
        ("GUARULHOS INTL, SAO PAULO, BRAZIL", "GUARULHOS INTL, SAO PAULO", None, "BRAZIL"),
        ("BEICA #ARPT, ETHIOPIA", "BEICA", None, "ETHIOPIA"),
        ("Abu Dhabi", "Abu Dhabi", None, "UNITED ARAB EMIRATES"),
        ("TOROKINA #ARPT, PAPUA, NEW GUINEA", "TOROKINA", None, "PAPUA NEW GUINEA"),
        ("SAIPAN, SPN", "SAIPAN", None, "United States"),
        ("INVALID - IWAKUNI, JAPAN", "IWAKUNI", None, "JAPAN"),
        ("JUAREZ INTL, MEXICO CITY, MX", "JUAREZ INTL, MEXICO CITY", None, "MEXICO"),
        ("NOT REPORTED/UNKNOWN", None, None, None),
        ("Collapsed into INT, TX", None, None, None),
        ("No PORT Code (AK)", None, None, None),
        ("SOMEWHERE, 99", "SOMEWHERE", None, "99"),
    ],
)
def test_a_port_label_is_split_into_city_state_and_country(
    label: str, city: str | None, state: str | None, country: str | None
) -> None:
    assert place_of(label) == (city, state, country)


# --- the real file ----------------------------------------------------------------------------------------------------


@pytest.fixture
def real_text(real_data: Path) -> str:
    return (real_data / LABEL_FILE).read_text(encoding="ascii")


@pytest.mark.real_data
def test_the_real_file_has_all_its_entries(real_text: str) -> None:
    counts = {name: len(entries) for name, entries in parse_labels(real_text, LABEL_FILE).items()}
    assert counts == {"i94cit_res": 289, "i94port": 660, "i94mode": 4, "i94addr": 55, "i94visa": 3}


@pytest.mark.real_data
def test_the_first_and_the_last_entry_of_each_real_block_are_read(real_text: str) -> None:
    parsed = parse_labels(real_text, LABEL_FILE)
    mexico = "MEXICO Air Sea, and Not Reported (I-94, no land arrivals)"
    assert {name: (entries[0], entries[-1]) for name, entries in parsed.items()} == {
        "i94cit_res": (LabelEntry("582", mexico, 10), LabelEntry("996", "No Country Code (996)", 298)),
        "i94port": (LabelEntry("ALC", "ALCAN, AK", 303), LabelEntry("OSN", "No PORT Code (OSN)", 962)),
        "i94mode": (LabelEntry("1", "Air", 973), LabelEntry("9", "Not reported", 976)),
        "i94addr": (LabelEntry("AL", "ALABAMA", 982), LabelEntry("99", "All Other Codes", 1036)),
        "i94visa": (LabelEntry("1", "Business", 1047), LabelEntry("3", "Student", 1049)),
    }


@pytest.mark.real_data
def test_the_known_traps_of_the_real_file_are_read_as_meant(real_text: str) -> None:
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
def test_the_real_statuses_add_up(real_text: str) -> None:
    frames = parse_code_lists(real_text, LABEL_FILE)
    assert frames["i94cit_res"]["status"].value_counts().to_dict() == {
        "valid": 236, "invalid": 28, "no country code": 23, "collapsed": 2,
    }  # fmt: skip
    assert frames["i94port"]["status"].value_counts().to_dict() == {
        "valid": 584, "no port code": 60, "collapsed": 12, "unknown": 4,
    }  # fmt: skip


@pytest.mark.real_data
def test_every_real_us_port_of_the_april_arrivals_has_its_state(real_data: Path, real_text: str) -> None:
    import duckdb

    ports = parse_code_lists(real_text, LABEL_FILE)["i94port"]
    with duckdb.connect() as connection:
        files = connection.read_parquet(f"{real_data}/i94_apr16_sub.parquet/*.parquet")
        arrivals = files.aggregate("i94port AS code, count(*) AS n").df()
    used = arrivals.merge(ports, on="code", how="left", validate="one_to_one")
    assert used.groupby("status")["n"].agg(["sum", "count"]).to_dict("split")["data"] == [
        [4_215, 15], [3_522, 1], [3_088_576, 283],
    ]  # fmt: skip
    stated = used[used["state"].notna()].set_index("code")
    assert stated.loc[["WAS", "PDN"], ["state", "n"]].to_numpy().tolist() == [["DC", 74_835], ["TX", 232]]
    assert (stated.drop(["WAS", "PDN"])["n"].sum(), len(stated)) == (2_874_695, 265)
    assert set(stated["country"]) == {"United States"}
    abroad = used[used["state"].isna() & (used["status"] == "valid")]
    assert abroad["country"].notna().all()


@pytest.mark.real_data
def test_every_real_port_outside_the_us_has_a_city_or_a_country(real_text: str) -> None:
    ports = parse_code_lists(real_text, LABEL_FILE)["i94port"]
    valid = ports[ports["status"] == "valid"]
    assert valid["country"].notna().all()
    assert valid.loc[valid["city"].isna(), "code"].tolist() == ["SPV", "ZZZ"]
    assert sorted(valid.loc[valid["country"] == "United States"].query("state.isna()")["code"]) == ["SAI"]


@pytest.mark.real_data
def test_every_port_correction_is_for_a_real_label(real_text: str) -> None:
    labels = parse_code_lists(real_text, LABEL_FILE)["i94port"]["label"]
    assert set(read_port_corrections().index) <= set(labels)


@pytest.mark.real_data
@pytest.mark.parametrize("name", list(CODE_LISTS))
def test_the_reviewed_list_is_what_the_real_file_says(name: str, real_text: str) -> None:
    frame = parse_code_lists(real_text, LABEL_FILE)[name]
    pd.testing.assert_frame_equal(read_reviewed_list(name), frame)
    pd.testing.assert_frame_equal(cast_to_contract(frame, CODE_LISTS[name]), frame)
