"""Test the reviewed code lists: text like NA and 060 survives, drift names its codes, encoders fit the lists."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from i94_platform.contracts import codes, immigration
from i94_platform.contracts.codes import (
    CODE_LISTS,
    ENCODERS,
    FOLDER,
    Drift,
    detect_drift,
    read_airline_names,
    read_port_corrections,
    read_reviewed_list,
)
from i94_platform.contracts.groups import CARRIERS
from i94_platform.contracts.model import column_names
from i94_platform.errors import PermanentError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of lookup/, read anew and without touching what is remembered of the real one."""
    monkeypatch.setattr(codes, "FOLDER", tmp_path)
    monkeypatch.setattr(codes, "_read_reviewed", codes._read_reviewed.__wrapped__)
    return tmp_path


def test_a_reviewed_list_has_all_codes_once_and_the_contract_columns() -> None:
    for name, rows in zip(CODE_LISTS, (289, 660, 4, 55, 3), strict=True):
        frame = read_reviewed_list(name)
        assert len(frame) == frame["code"].nunique() == rows, name
        assert list(frame.columns) == column_names(CODE_LISTS[name]), name


@pytest.mark.parametrize("name", list(CODE_LISTS))
def test_a_reviewed_list_keeps_its_contract(name: str) -> None:
    frame = read_reviewed_list(name)
    for col in CODE_LISTS[name].columns:
        values = frame[col.name]
        assert col.nullable or values.notna().all(), col.name
        assert not col.info["allowed"] or set(values.dropna()) <= set(col.info["allowed"]), col.name
        if length := getattr(col.type, "length", None):
            assert values.dropna().map(lambda text: len(text.encode("utf-8"))).max() <= length, col.name
            assert (values.dropna() == values.dropna().str.strip()).all(), col.name
        else:
            assert values.between(col.info["low"], col.info["high"]).all(), col.name


def test_states_of_ports_are_listed_states() -> None:
    assert set(read_reviewed_list("i94port")["state"].dropna()) <= set(read_reviewed_list("i94addr")["code"]) - {"99"}


@pytest.mark.parametrize("name", [file.stem for file in FOLDER.glob("*.csv")])
def test_the_files_have_unix_line_ends_and_one_at_the_end(name: str) -> None:
    content = (FOLDER / f"{name}.csv").read_bytes()
    assert b"\r" not in content
    assert content.endswith(b"\n")
    assert not content.startswith(b"\xef\xbb\xbf")


def test_every_airline_has_a_name_of_its_own() -> None:
    names = read_airline_names()
    assert len(set(names.values())) == len(names) == 144
    assert not set(names) & set(CARRIERS)
    assert all(len(code) in (2, 3) and name == name.strip() for code, name in names.items())


def test_codes_that_look_like_numbers_or_missing_values_stay_text(folder: Path) -> None:
    (folder / "i94port.csv").write_text(
        "code,label,name,city,state,country,status\n060,NA,NA,NULL,,nan,valid\nNA,X,X,,,,valid\n"
    )
    frame = read_reviewed_list("i94port")
    assert frame["code"].tolist() == ["060", "NA"]
    assert frame[["label", "city", "country"]].head(1).to_numpy().tolist() == [["NA", "NULL", "nan"]]
    assert frame["state"].isna().all()


def test_a_caller_may_change_its_frame_without_changing_the_next_one() -> None:
    read_reviewed_list("i94mode")["label"] = "changed"
    assert read_reviewed_list("i94mode")["label"].tolist() == ["Air", "Sea", "Land", "Not reported"]


def test_an_unknown_list_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(PermanentError, match="no code list 'i94xyz'; the code lists are i94cit_res, i94port"):
        read_reviewed_list("i94xyz")


def test_an_absent_file_is_refused_by_name(folder: Path) -> None:
    with pytest.raises(PermanentError, match=r"lookup/i94mode\.csv can't be read"):
        read_reviewed_list("i94mode")


def test_a_file_without_a_contract_column_is_refused_and_the_columns_are_named(folder: Path) -> None:
    (folder / "i94mode.csv").write_text("code,name\n1,Air\n")
    with pytest.raises(PermanentError, match=r"i94mode\.csv has the columns code, name instead of code, label"):
        read_reviewed_list("i94mode")


def test_a_code_that_is_no_number_is_refused_by_file(folder: Path) -> None:
    (folder / "i94mode.csv").write_text("code,label\n1,Air\nx,Sea\n")
    with pytest.raises(PermanentError, match=r"lookup/i94mode\.csv breaks its contract .*'x'"):
        read_reviewed_list("i94mode")


def test_a_repeated_port_correction_is_refused_by_label(folder: Path) -> None:
    rows = "label,city,state,country,reason\nA,B,,C,x\nA,D,,E,x\n"
    (folder / "port_corrections.csv").write_text(rows)
    with pytest.raises(PermanentError, match="repeats the label 'A'"):
        read_port_corrections.__wrapped__()


def test_a_list_does_not_drift_from_itself_in_any_order() -> None:
    for name in CODE_LISTS:
        same = detect_drift(name, read_reviewed_list(name).iloc[::-1])
        assert same == Drift(name)
        assert not same.has_differences


def test_drift_separates_added_removed_and_changed_codes() -> None:
    delivered = read_reviewed_list("i94port")
    delivered.loc[delivered["code"] == "LOS", "label"] = "LOS ANGELES NORTH, CA"
    delivered.loc[delivered["code"] == "WAS", "state"] = pd.NA
    delivered.loc[delivered["code"] == "XXX", "code"] = "NEU"
    drift = detect_drift("i94port", delivered)
    assert drift == Drift("i94port", added=("NEU",), removed=("XXX",), changed=("LOS", "WAS"))
    assert drift.has_differences
    assert drift.describe() == (
        "The delivered i94port differs from lookup/i94port.csv, codes 1 added (NEU), 1 removed (XXX), "
        "2 changed (LOS, WAS); review the difference and refresh the file as lookup/README.md says."
    )


def test_drift_compares_numbers_as_numbers_and_sorts_them_so() -> None:
    delivered = pd.DataFrame({"code": [10, 1, 3, 2], "label": ["Rail", "Air", "Land", "Ship"]})
    assert detect_drift("i94mode", delivered) == Drift("i94mode", added=(10,), removed=(9,), changed=(2,))


def test_a_long_drift_shows_its_first_ten_codes() -> None:
    message = detect_drift("i94addr", read_reviewed_list("i94addr").head(1)).describe()
    assert "54 removed (99, AK, AR, AZ, CA, CO, CT, DC, DE, FL and 44 more)" in message


def test_a_delivered_list_that_repeats_a_code_is_refused() -> None:
    delivered = pd.concat([read_reviewed_list("i94mode"), read_reviewed_list("i94mode").head(1)])
    with pytest.raises(PermanentError, match="i94mode repeats the codes 1 in column code"):
        detect_drift("i94mode", delivered)


def test_every_coded_column_of_the_arrivals_has_an_encoder() -> None:
    coded = {c.name for c in immigration.columns for key in c.foreign_keys if "calendar" not in key.target_fullname}
    assert set(ENCODERS) == coded
    assert all(column == encoder.column for column, encoder in ENCODERS.items())


@pytest.mark.parametrize("column", list(ENCODERS))
def test_an_encoder_agrees_with_its_list_and_with_the_contract(column: str) -> None:
    encoder = ENCODERS[column]
    assert encoder.list_name in CODE_LISTS
    assert (encoder.policy == "replace") == (encoder.unknown is not None)
    assert encoder.unknown is None or encoder.unknown in read_reviewed_list(encoder.list_name)["code"].tolist()
    assert immigration.c[column].nullable == (not encoder.fills_missing and encoder.policy != "reject")


def test_unlisted_codes_go_where_the_design_says() -> None:
    assert {column: (e.policy, e.unknown) for column, e in ENCODERS.items()} == {
        "i94cit": ("keep", None),
        "i94res": ("keep", None),
        "i94port": ("replace", "XXX"),
        "i94mode": ("replace", 9),
        "i94addr": ("replace", "99"),
        "i94visa": ("reject", None),
    }
