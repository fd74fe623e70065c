"""Take one record out of a whole home by the steps of `docs/how-to/forget-a-person.md`, and look at every file.

The home is that of the command line, so its history, logs, release and pages are looked at too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from i94_platform.contracts import delivered_immigration
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.settings import PROJECT
from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform_tests.integration.test_personal_values import PLANTED, PLANTED_ROWS, STEM, VALID
from i94_platform_tests.support.command import start_command
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment
from i94_platform_tests.support.processes import find_free_port, wait_for

CICID = 1_999_999
RECORD = {**VALID, "cicid": float(CICID), "insnum": "QZERASED94999"}
DATA = re.compile(r"\.parquet$|warehouse\.duckdb$")
"""The files that hold rows of travellers."""

DELIVERED = {*REFERENCE_FILES.values()}
"""Delivered files of which none describes a traveller."""


@pytest.fixture(scope="module")
def deployment(loaded_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A copy whose delivery has planted rows, loaded by the command line under the umask 022."""
    deployment = loaded_deployment.copy(tmp_path_factory.mktemp("retention"))
    delivery = deployment.raw / f"{STEM}.parquet"
    planted = (*PLANTED_ROWS, RECORD)
    rows = pq.read_table(delivery).to_pylist()
    rows = [{**row, **values} for row, values in zip(rows, planted, strict=False)] + rows[len(planted) :]
    pq.write_table(pa.Table.from_pylist(rows, arrow_schema(delivered_immigration)), delivery)
    return deployment


def run_shell(deployment: Deployment, script: str) -> str:
    """Run lines of the shell as a person of another umask does, with `i94` of this Python."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = subprocess.run(
        ["bash", "-euc", f"umask 022\n{script}"],
        env={**os.environ, **deployment.environment, "PATH": path, "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout
    return process.stdout


def find_files(deployment: Deployment, pattern: re.Pattern[str]) -> set[str]:
    """Find the files of home and deliveries that hold a text, also where Parquet encodes it."""
    files = [path for folder in (deployment.home, deployment.raw) for path in folder.rglob("*") if path.is_file()]
    return {path.name for path in files if pattern.search(read_text(path))}


def read_text(path: Path) -> str:
    text = path.read_bytes().decode("latin-1")
    return text + str(pq.read_table(path).to_pydict()) if path.suffix == ".parquet" else text


def read_steps() -> list[str]:
    """Read the scripts of the page."""
    return re.findall(r"```sh\n(.*?)```", (PROJECT / "docs" / "how-to" / "forget-a-person.md").read_text(), re.DOTALL)


def fetch_pages(deployment: Deployment) -> str:
    """Serve the release, and fetch the dashboard and the metadata and rows of its tables."""
    port = find_free_port()
    log = deployment.folder / "serve.log"
    with (
        log.open("w") as output,
        start_command({**deployment.environment, "PYTHONUNBUFFERED": "1"}, "serve", "--port", str(port), output=output),
    ):
        wait_for(lambda: "/token?token=" in log.read_text(), "the URL")
        (url,) = re.findall(r"http://\S+/token\?token=\S+", log.read_text())
        transport = httpx.HTTPTransport(retries=8)  # it prints the URL before it listens
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", transport=transport, follow_redirects=True, timeout=60
        ) as browser:
            paths = ("/", "/api/v1/status", "/api/v1/marts/visitors_by_origin")
            answers = [browser.get(path) for path in (url, *paths)]
        assert {answer.status_code for answer in answers} == {200}
        return "".join([*(answer.text for answer in answers), log.read_text()])


@pytest.mark.slow
def test_nothing_of_a_traveller_is_outside_the_data(deployment: Deployment) -> None:
    output = run_shell(deployment, "i94 run; i94 status --json; i94 status; i94 doctor")
    assert find_files(deployment, PLANTED)
    assert find_files(deployment, re.compile(VALID["airline"])) >= {"i94.duckdb"}, "airlines are a breakdown of a mart"
    others = re.compile(f"(?!{VALID['airline']})(?:{PLANTED.pattern})")
    assert {n for n in find_files(deployment, others) - DELIVERED if not DATA.search(n)} == set()
    assert not PLANTED.search(output + fetch_pages(deployment))


@pytest.mark.slow
def test_nothing_that_was_written_is_for_others(deployment: Deployment) -> None:
    wider = [path for path in (deployment.home, *deployment.home.rglob("*")) if path.stat().st_mode & 0o077]
    assert wider == []


@pytest.mark.slow
def test_the_steps_of_the_page_take_a_record_out_of_every_file(deployment: Deployment) -> None:
    erased = re.compile("QZERASED94999")
    assert find_files(deployment, erased) >= {"warehouse.duckdb", f"{STEM}.parquet"}
    rows = deployment.manifest("staged/immigration", SAMPLE_MONTH).rows
    steps = read_steps()
    variables = f"export MONTH={SAMPLE_MONTH} CICID={CICID} FILE={deployment.raw / STEM}.parquet"
    assert set(re.findall(r"(\w+)=", variables)) == set(re.findall(r"(\w+)=", steps[0]))
    output = [run_shell(deployment, f"{variables}\n{step}") for step in steps[1:]]
    assert re.search(r"records\D+0\b", output[-1])
    assert find_files(deployment, erased) == set()
    assert deployment.manifest("staged/immigration", SAMPLE_MONTH).rows == rows - 1


CSV = (
    b"\xef\xbb\xbf;cicid;fltno;insnum\r\n",
    b"0;4710.0;00093;\r\n",
    b'1;4711.0;00094;"two\nlines; of 4710"\r\n',
    b"2;x;4711;Caf\xe9\r\n",
    b"3;4711;;\r\n",
    b'4;" 47110";00095;"4711"\r\n',
)
"""Lines of which the third and the fifth are the record."""


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_step_takes_a_record_out_of_a_file_and_leaves_all_else(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"i94_apr16_sub.{ending}"
    rows = pa.table({"cicid": [4710.0, 4711.0, None, 4711.0, 47110.0], "insnum": ["a", "b", "4711", "d", "e"]})
    if ending == "csv":
        file.write_bytes(b"".join(CSV))
    else:
        pq.write_table(rows, file)
    file.chmod(0o640)
    paths = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    environment = {**os.environ, "FILE": str(file), "CICID": "4711", "PATH": paths}
    subprocess.run(["bash", "-euc", read_steps()[1]], env=environment, check=True)
    if ending == "csv":
        assert file.read_bytes() == b"".join((CSV[0], CSV[1], CSV[3], CSV[5]))
    else:
        assert pq.read_table(file).to_pylist() == rows.take([0, 2, 4]).to_pylist()
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
