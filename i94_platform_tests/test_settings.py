"""Test the settings: unset means local, and an error names the variable and the valid values."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from i94_platform.errors import PermanentError
from i94_platform.settings import Settings


def test_an_empty_environment_means_a_local_deployment_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_env()
    home = tmp_path / ".i94"
    assert settings.home == str(home)
    assert settings.lake == str(home / "lake")
    assert settings.raw == str(home / "lake" / "raw")
    assert settings.engine == "duckdb"
    assert settings.warehouse_path == home / "warehouse.duckdb"
    assert settings.first_month == "2016-01"


def test_the_default_addresses_follow_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("I94_HOME", str(tmp_path))
    settings = Settings.from_env()
    assert (settings.lake, settings.raw) == (f"{tmp_path}/lake", f"{tmp_path}/lake/raw")
    assert settings.warehouse == f"duckdb:///{tmp_path}/warehouse.duckdb"
    assert settings.dagster_home == tmp_path / "dagster"
    assert settings.scratch == tmp_path / "scratch"


def test_raw_follows_the_lake_if_only_the_lake_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("I94_LAKE", f"file://{tmp_path}/l")
    settings = Settings.from_env()
    assert (settings.lake, settings.raw) == (f"{tmp_path}/l", f"{tmp_path}/l/raw")


def test_the_lake_can_be_a_prefix_of_a_bucket_and_raw_lies_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I94_LAKE", "s3://bucket.name-1/a/pre fix+é/")
    monkeypatch.setenv("I94_S3_ENDPOINT", "http://localhost:9000/")
    settings = Settings.from_env()
    assert settings.lake == "s3://bucket.name-1/a/pre fix+é"
    assert settings.raw == "s3://bucket.name-1/a/pre fix+é/raw"
    assert settings.s3_endpoint == "http://localhost:9000"


def test_the_code_url_is_a_url_without_query_and_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.from_env().code_url == ""
    monkeypatch.setenv("I94_CODE_URL", "https://code.example/group/i94/-/tree/v1.2/")
    assert Settings.from_env().code_url == "https://code.example/group/i94/-/tree/v1.2"
    for value in (
        "code.example/i94",
        "https://code.example/i94?ref=main",
        "https://me:planted-secret@code.example/i94",
    ):
        monkeypatch.setenv("I94_CODE_URL", value)
        with pytest.raises(PermanentError, match="I94_CODE_URL: ") as failure:
            Settings.from_env()
        assert "planted-secret" not in str(failure.value)


def test_raw_can_be_a_whole_bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("I94_LAKE", str(tmp_path))
    monkeypatch.setenv("I94_RAW", "s3://deliveries/")
    assert (Settings.from_env().lake, Settings.from_env().raw) == (str(tmp_path), "s3://deliveries")


@pytest.mark.parametrize(
    "value", ["hooks.example/planted-secret", "ftp://hooks.example/planted-secret", "https://planted-secret@host/x",
              "https://hooks.example/planted secret", "file:///planted-secret", "https://h/planted-secret\n",
              "http://hooks.example/planted-secret", "http://127.0.0.1.example/planted-secret"]
)  # fmt: skip
def test_an_invalid_alert_webhook_is_rejected_and_not_repeated(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("I94_ALERT_WEBHOOK", value)
    with pytest.raises(PermanentError, match=r"I94_ALERT_WEBHOOK: this is not a URL .* are: https://") as failure:
        Settings.from_env()
    assert "planted-secret" not in str(failure.value)


def test_the_server_has_an_origin_and_proxies_that_are_not_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I94_SERVE_URL", "https://I94.example.gov:8443/")
    monkeypatch.setenv("I94_SERVE_TRUSTED_PROXIES", "10.0.0.7, 2001:db8::/64")
    settings = Settings.from_env()
    assert (settings.serve_url, settings.serves_https) == ("https://i94.example.gov:8443", True)
    assert settings.serve_trusted_proxies == "10.0.0.7,2001:db8::/64"
    for name, values in {
        "SERVE_URL": (
            "i94.example.gov",
            "ftp://host",
            "https://host/path",
            "https://me:pa55@host",
            "https://a b",
            "https://*",
        ),
        "SERVE_TRUSTED_PROXIES": ("*", "proxy.example", "0.0.0.0/0", "::/0", "10.0.0.7/24", "10.0.0.0/24,*"),
    }.items():
        for value in values:
            with monkeypatch.context() as patch:
                patch.setenv(f"I94_{name}", value)
                with pytest.raises(PermanentError, match=f"I94_{name}: "):
                    Settings.from_env()


def test_the_ui_url_is_local_by_default_and_an_invalid_one_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.from_env().ui_url == "http://127.0.0.1:3000"
    monkeypatch.setenv("I94_UI_URL", "https://dagster.example/i94/")
    assert Settings.from_env().ui_url == "https://dagster.example/i94"
    for value in ("dagster.example", "https://me:pa55@dagster.example", "https://dagster.example?x"):
        monkeypatch.setenv("I94_UI_URL", value)
        with pytest.raises(PermanentError, match="I94_UI_URL: this is not the address of a UI"):
            Settings.from_env()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LAKE", "s3://AKIAKEY:planted-secret@bucket/lake"),
        ("RAW", "s3://AKIAKEY:planted-secret@bucket"),
        ("S3_ENDPOINT", "https://AKIAKEY:planted-secret@host"),
    ],
)
def test_credentials_in_an_address_are_rejected_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"I94_{name}", value)
    with pytest.raises(PermanentError, match=f"I94_{name}: .* holds no credentials; leave them to AWS's") as failure:
        Settings.from_env()
    assert "planted-secret" not in str(failure.value)
    assert "AKIAKEY" not in str(failure.value)


@pytest.mark.parametrize("name", ["HOME", "LAKE", "RAW", "ENGINE", "WAREHOUSE", "FIRST_MONTH", "LOCK_TIMEOUT"])
def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"I94_{name}", "")
    assert Settings.from_env() == Settings()


def test_relative_folders_and_the_users_home_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("I94_HOME", "~/state")
    monkeypatch.setenv("I94_RAW", "deliveries")
    monkeypatch.setenv("I94_WAREHOUSE", "duckdb:///w.duckdb")
    settings = Settings.from_env()
    assert settings.home == str(tmp_path / "me" / "state")
    assert settings.raw == str(tmp_path / "deliveries")
    assert settings.warehouse_path == tmp_path / "w.duckdb"


EMR = "emr-serverless://00f1abcdefghij?role=arn:aws:iam::123456789012:role/team/i94-spark"
ENGINES = ("duckdb", "local[*]", "sc://host", "spark://host:7077", "yarn", EMR)


@pytest.mark.parametrize(
    "engine",
    [*ENGINES, "local[4]", "sc://host:15002/;user_id=me", "spark://a:7077,b:7077", f"{EMR}&region=us-west-2"],
)
def test_a_valid_engine_is_accepted_unchanged(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    monkeypatch.setenv("I94_ENGINE", engine)
    monkeypatch.setenv("I94_LAKE", "s3://bucket/lake")
    assert Settings.from_env().engine == engine


LOCAL_FOLDER, S3_PREFIX = "/data/i94", "s3://bucket/i94"
REMOTE_ENGINES = {"yarn", EMR}
"""Engines that cannot see local folders. A cluster at `spark://` or a server at `sc://` may share a folder."""


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("lake", [LOCAL_FOLDER, S3_PREFIX])
@pytest.mark.parametrize("raw", [LOCAL_FOLDER, S3_PREFIX])
def test_a_remote_engine_rejects_local_folders_and_every_other_combination_is_valid(
    monkeypatch: pytest.MonkeyPatch, engine: str, lake: str, raw: str
) -> None:
    for name, value in {"ENGINE": engine, "LAKE": lake, "RAW": raw}.items():
        monkeypatch.setenv(f"I94_{name}", value)
    if engine not in REMOTE_ENGINES or (lake, raw) == (S3_PREFIX, S3_PREFIX):
        settings = Settings.from_env()
        assert (settings.engine, settings.lake, settings.raw) == (engine, lake, raw)
        assert settings.uses_s3 == (S3_PREFIX in (lake, raw))
        return
    variable = "LAKE" if lake == LOCAL_FOLDER else "RAW"
    message = (
        f"I94_{variable}: the machines of I94_ENGINE don't see a folder of this one; "
        f"set I94_{variable} to s3://bucket/pre"
    )
    with pytest.raises(PermanentError, match=message):
        Settings.from_env()


def test_options_of_spark_are_quoted_as_for_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I94_SPARK_OPTIONS", "spark.executor.cores=4 spark.executor.extraJavaOptions='-Xss4m -Dx=y'")
    assert Settings.from_env().spark_options_by_name == {
        "spark.executor.cores": "4",
        "spark.executor.extraJavaOptions": "-Xss4m -Dx=y",
    }


@pytest.mark.parametrize(
    "options",
    ["executor.cores=4", "spark.executor.cores", "'unclosed", "spark.hadoop.fs.s3a.secret.key=planted-secret"],
)
def test_a_text_that_is_no_option_of_spark_or_a_secret_is_rejected(
    monkeypatch: pytest.MonkeyPatch, options: str
) -> None:
    monkeypatch.setenv("I94_SPARK_OPTIONS", options)
    with pytest.raises(PermanentError, match="I94_SPARK_OPTIONS") as failure:
        Settings.from_env()
    assert "planted-secret" not in str(failure.value)


def test_emr_serverless_rejects_an_s3_endpoint_other_than_that_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ENGINE": EMR, "LAKE": S3_PREFIX, "S3_ENDPOINT": "http://minio:9000"}.items():
        monkeypatch.setenv(f"I94_{name}", value)
    with pytest.raises(PermanentError, match=r"I94_S3_ENDPOINT: EMR Serverless reads and writes AWS's own S3; unset"):
        Settings.from_env()


@pytest.mark.parametrize("parameter", ["token=planted-secret", "user_id=me;x-aws-proxy-auth=planted-secret"])
def test_a_token_in_the_address_of_a_spark_connect_server_is_rejected_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, parameter: str
) -> None:
    monkeypatch.setenv("I94_ENGINE", f"sc://host:443/;{parameter}")
    with pytest.raises(PermanentError, match=r"I94_ENGINE: .* leave a token to SPARK_CONNECT_AUTHENT") as failure:
        Settings.from_env()
    assert "planted-secret" not in str(failure.value)


def test_spark_jars_are_a_folder_or_maven_coordinates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings.from_env().spark_jars == str(tmp_path / ".jars")
    coordinates = "a.b:c_2.13:1.0,d:e:2"
    for value, expected in ((f"file://{tmp_path}", str(tmp_path)), (coordinates, coordinates)):
        monkeypatch.setenv("I94_SPARK_JARS", value)
        assert Settings.from_env().spark_jars == expected


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("HOME", "s3://bucket/home", "valid are: a folder, file:///folder"),
        ("LAKE", "gs://bucket/lake", "valid are: a folder, file:///folder, s3://bucket/prefix"),
        ("RAW", "ftp://host/raw", "valid are: a folder, file:///folder, s3://bucket/prefix"),
        ("LAKE", "s3://", "valid are: a folder, file:///folder, s3://bucket/prefix"),
        ("LAKE", "s3://Bucket_1/lake", "valid are: a folder, file:///folder, s3://bucket/prefix"),
        ("LAKE", "s3://bucket//lake", "valid are: a folder, file:///folder, s3://bucket/prefix"),
        ("RAW", "s3://bucket/../raw", "valid are: a folder, file:///folder, s3://bucket/prefix"),
        ("RAW", "s3://bucket/raw?versionId=1", "valid are: a folder, file:///folder, s3://bucket/prefix"),
        ("S3_ENDPOINT", "localhost:9000", "valid are: https://host, http://host:port"),
        ("S3_ENDPOINT", "http://localhost:9000/bucket", "valid are: https://host, http://host:port"),
        ("ENGINE", "flink", "valid are: duckdb, local[N] or local[*], sc://host:port"),
        ("ENGINE", "DuckDB", "valid are: duckdb, local[N] or local[*], sc://host:port"),
        ("ENGINE", "local[0]", "valid are: duckdb, local[N] or local[*], sc://host:port"),
        ("ENGINE", "spark://host", "sc://host:port, spark://host:port, yarn, emr-serverless://application?role=arn"),
        ("ENGINE", "emr-serverless://00f1", "yarn, emr-serverless://application?role=arn&region=name"),
        ("SPARK_JARS", "s3://bucket/jars", "valid are: a folder, file:///folder, group:artifact:version,…"),
        ("WAREHOUSE", "sqlite:///w.db", "valid are: duckdb:///path"),
        ("WAREHOUSE", "duckdb:///.i94/i94.duckdb", "i94.duckdb in I94_HOME is the file of the release"),
        ("LAST_MONTH", "2015-12", "I94_LAST_MONTH: it is before I94_FIRST_MONTH"),
        ("FIRST_MONTH", "2016-13", "'2016-13' is not a month; write it as YYYY-MM, such as 2016-04"),
        ("MEMORY_LIMIT", "lots", "valid are: 512MB, 2GB"),
        ("LOCK_TIMEOUT", "0", "greater than 0"),
        ("SETTLE_SECONDS", "-1", "greater than or equal to 0"),
        ("SENSOR_MAX_REQUESTS", "0", "greater than 0"),
        ("DELIVERY_DAY", "29", "less than or equal to 28"),
    ],
)
def test_an_invalid_value_is_rejected_with_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(f"I94_{name}", value)
    with pytest.raises(PermanentError) as failure:
        Settings.from_env()
    assert f"I94_{name}: " in str(failure.value)
    assert message in str(failure.value)


def test_one_error_names_every_invalid_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I94_LAKE", "s4://bucket")
    monkeypatch.setenv("I94_ENGINE", "flink")
    monkeypatch.setenv("I94_WAREHOUSE", "oracle://host")
    with pytest.raises(PermanentError, match=r"I94_LAKE: .*I94_ENGINE: .*I94_WAREHOUSE: "):
        Settings.from_env()


def test_settings_are_immutable(settings: Settings) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        settings.engine = "local[*]"


def test_a_misspelt_field_is_rejected() -> None:
    with pytest.raises(ValidationError, match="laek"):
        Settings(laek="x")  # type: ignore[call-arg]


def test_reading_settings_creates_no_file(settings: Settings, home: Path) -> None:
    assert (settings.home, settings.warehouse_path.parent) == (str(home), home)
    assert not home.exists()
