"""The label file of a sample: the reviewed code lists in SAS syntax, with the irregularities of the real file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from i94_platform.contracts.codes import read_reviewed_list

if TYPE_CHECKING:
    import pandas as pd

_PORT_LABEL_WIDTH = 21


def generate_labels() -> bytes:
    """Generate the label file; its lines end with CRLF."""
    lines = [
        "libname library 'Your file location' ;", "proc format library=library ;", "",
        "/* I94YR - 4 digit year */", "", "/* I94MON - Numeric month */", "",
        "/* I94CIT & I94RES - All codes of countries, valid and invalid */", "  value i94cntyl",
        *_format_countries(), "", "",
        "/* I94PORT - All codes of ports, valid and invalid */", "  value $i94prtl", *_format_ports(), ";", "", "",
        "/* ARRDATE - A SAS date without a format;", "   apply the one that works for you. */", "",
        "/* I94MODE - May be missing as well as not reported (9) */", "value i94model", *_format_modes(), "\t", "",
        "/* I94ADDR - Every code outside this list is 'other' */", "value i94addrl", *_format_states(), "",
        "/* I94VISA - Purposes of visit, in three groups:", *_format_visas(), "*/", "",
        "/* COUNT - Used for summary statistics */", "", "run ;", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def _quote(texts: pd.Series[str]) -> pd.Series[str]:
    return "'" + texts.str.replace("'", "''") + "'"


def _end_statement(entries: pd.Series[str]) -> list[str]:
    return [*entries.iloc[:-1], f"{entries.iloc[-1]} ;"]


def _format_countries() -> list[str]:
    listed = read_reviewed_list("i94cit_res")
    code = listed["code"].astype("string")
    label = listed["label"].mask(listed["label"] == "ARGENTINA", "ARGENTINA ")
    suffix = listed["label"].str.endswith(")").map({True: " ", False: ""})
    return _end_statement("   " + code.where(code.str.len() > 1, code + " ") + " =  " + _quote(label) + suffix)


def _format_ports() -> list[str]:
    listed = read_reviewed_list("i94port")
    label = listed["label"].where(listed["status"] != "valid", listed["label"].str.ljust(_PORT_LABEL_WIDTH))
    text = listed["code"].mask(listed["code"] == "CP", "CP ")
    code = _quote(text)
    tabs = (text.str.len() < len("ABC")).map({True: " \t=\t", False: "\t=\t"})
    suffix = (listed["code"] == "HOM").map({True: " " * 11, False: ""})
    return ("   " + code + tabs + _quote(label) + suffix).tolist()


def _format_modes() -> list[str]:
    listed = read_reviewed_list("i94mode")
    return _end_statement("\t" + listed["code"].astype("string") + " = " + _quote(listed["label"]))


def _format_states() -> list[str]:
    listed = read_reviewed_list("i94addr")
    return _end_statement("\t" + _quote(listed["code"]) + "=" + _quote(listed["label"]))


def _format_visas() -> list[str]:
    listed = read_reviewed_list("i94visa")
    return ("   " + listed["code"].astype("string") + " = " + listed["label"]).tolist()
