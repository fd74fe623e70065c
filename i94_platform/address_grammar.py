"""The addresses of a deployment: of engine, warehouse, files and servers, each with its grammar."""

import ipaddress
import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

from i94_platform.redshift_address import GRAMMAR as REDSHIFT
from i94_platform.redshift_address import redact_user

ENGINE_GRAMMAR = {
    "duckdb": r"duckdb",
    "local[N] or local[*]": r"local\[(\*|[1-9]\d*)\]",
    "sc://host:port": r"sc://[^/:\s]+(:\d+)?(/.*)?",
    "spark://host:port": r"spark://[^/:,\s]+:\d+(,[^/:,\s]+:\d+)*",
    "yarn": r"yarn",
    "emr-serverless://application?role=arn&region=name": (
        r"emr-serverless://[0-9a-z]+\?role=arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+(&region=[a-z0-9-]+)?"
    ),
}
WAREHOUSE_GRAMMAR = {"duckdb:///path": r"duckdb:///.+", REDSHIFT: r"redshift://.+"}
JARS_GRAMMAR = "a folder, file:///folder, group:artifact:version,…"
STORE_GRAMMAR = "a folder, file:///folder, s3://bucket/prefix"
_BUCKET = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_PREFIX = r"(/(?!\.\.?(/|$))[^/?#\r\n\t]+)*"


MAVEN = r"[^:/\\\s,]+(:[^:/\\\s,]+){2}"
SECRET_PARAMETER = r"(?i)[/;][^;=]*(token|auth|secret|password)[^;=]*="  # noqa: S105 - a pattern

WEBHOOK = r"(https://[^/@\s\x00-\x1f?#]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)([/?][\x21-\x7e]*)?"
"""Its path is a secret, so it is encrypted on the way to any other machine."""

URL = r"https?://[^/@\s\x00-\x1f?#]+([/?][\x21-\x7e]*)?"

ORIGIN = r"https?://([a-z0-9_.-]+|\[[0-9a-f:]+\])(:\d{1,5})?"

CREDENTIALS = "leave them to AWS's own variables and files (AWS_ACCESS_KEY_ID, AWS_PROFILE, a role)"
"""What to do instead of writing credentials into a setting."""


def require_match(value: str, grammar: dict[str, str]) -> str:
    """Return an address that one of the patterns matches; ValueError with the valid forms for any other."""
    if not any(re.fullmatch(pattern, value) for pattern in grammar.values()):
        raise ValueError(f"{redact_user(value)!r} is not an address known here; valid are: {', '.join(grammar)}")
    return value


def is_network(text: str) -> bool:
    """Whether a text is an address, or a network that is less than all addresses."""
    try:
        return ipaddress.ip_network(text).prefixlen > 0
    except ValueError:
        return False


def parse_local_path(value: str, valid: str = "a folder, file:///folder") -> str:
    """Return the absolute path of a folder; ValueError with the `valid` forms for any other address."""
    scheme = urlsplit(value).scheme
    if scheme and scheme != "file":
        raise ValueError(f"{value!r} is not an address known here; valid are: {valid}")
    return str(Path(value.removeprefix("file://")).expanduser().resolve())


def is_s3(address: str) -> bool:
    """Whether an address of files is in a bucket."""
    return address.startswith("s3://")


def parse_spark_options(value: str) -> dict[str, str]:
    """Parse the configuration of Spark, quoted as for a shell, by name; ValueError if a part is none, or a secret."""
    options = {}
    for part in shlex.split(value):
        name, equals, text = part.partition("=")
        if not (equals and re.fullmatch(r"spark(\.[\w-]+)+", name)):
            raise ValueError(
                f"{name!r} is no option of Spark; valid are: spark.executor.memory=8g spark.executor.cores=4"
            )
        if re.search(r"(?i)secret|password|token|access\.key", name):
            raise ValueError(f"{name} is a secret, which Spark shows and logs; {CREDENTIALS}")
        options[name] = text
    return options


def is_in_process(engine: str) -> bool:
    """Whether Spark's driver is this process."""
    return engine.startswith(("local[", "spark://")) or engine == "yarn"


def parse_store(value: str) -> str:
    """Return an address of files without a slash at the end; ValueError for no folder and no prefix of a bucket."""
    if not is_s3(value):
        return parse_local_path(value, STORE_GRAMMAR)
    if "@" in value.removeprefix("s3://").partition("/")[0]:
        raise ValueError(f"an address holds no credentials; {CREDENTIALS}")
    if not re.fullmatch(_BUCKET + _PREFIX, value.rstrip("/")):
        raise ValueError(f"{value!r} is not an address known here; valid are: {STORE_GRAMMAR}")
    return value.rstrip("/")
