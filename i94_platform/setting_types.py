"""The types of settings whose text has a form of its own: each validates the text and returns its one form."""

import re
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from i94_platform.address_grammar import (
    CREDENTIALS,
    ENGINE_GRAMMAR,
    JARS_GRAMMAR,
    MAVEN,
    ORIGIN,
    SECRET_PARAMETER,
    URL,
    WEBHOOK,
    is_network,
    parse_local_path,
    parse_spark_options,
    require_match,
)
from i94_platform.partitions import Month
from i94_platform.umask import GRAMMAR as UMASK_GRAMMAR


def _parse_folder(value: str) -> str:
    return parse_local_path(value)


def _validate_umask(value: str) -> str:
    if not re.fullmatch(UMASK_GRAMMAR, value):
        raise ValueError(f"{value!r} is no umask; valid are: 077, 027")
    return value


def _validate_engine(value: str) -> str:
    if value.startswith("sc://") and re.search(SECRET_PARAMETER, value):
        raise ValueError("an address holds no credentials; leave a token to SPARK_CONNECT_AUTHENTICATE_TOKEN")
    return require_match(value, ENGINE_GRAMMAR)


def _parse_jars(value: str) -> str:
    return value if re.fullmatch(f"{MAVEN}(,{MAVEN})*", value) else parse_local_path(value, JARS_GRAMMAR)


def _validate_spark_options(value: str) -> str:
    parse_spark_options(value)
    return value


def _parse_endpoint(value: str) -> str:
    if "@" in value:
        raise ValueError(f"an endpoint holds no credentials; {CREDENTIALS}")
    if value and not re.fullmatch(r"https?://[^/\s?#]+/?", value):
        raise ValueError(f"{value!r} is not an endpoint; valid are: https://host, http://host:port")
    return value.rstrip("/")


def _parse_code_url(value: str) -> str:
    if "@" in value:
        raise ValueError("it holds no credentials: it is shown to everyone who sees the UI")
    if value and not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", value):
        raise ValueError(f"{value!r} is not the address of a folder; valid are: https://host/group/project/tree/v1")
    return value.rstrip("/")


def _parse_ui_url(value: str) -> str:
    if not re.fullmatch(URL, value) or re.search("[?#]", value):
        raise ValueError("this is not the address of a UI; valid are: https://host/path, http://host:port")
    return value.rstrip("/")


def _validate_webhook(value: SecretStr) -> SecretStr:
    if value.get_secret_value() and not re.fullmatch(WEBHOOK, value.get_secret_value()):
        raise ValueError("this is not a URL (it is not shown here); valid are: https://host/path")
    return value


def _parse_origin(value: str) -> str:
    value = value.rstrip("/").lower()
    if value and not re.fullmatch(ORIGIN, value):
        raise ValueError("this is not scheme, host and port of a URL; valid are: https://host, https://host:port")
    return value


def _parse_origins(value: str) -> str:
    origins = [part.strip().lower() for part in value.split(",") if part.strip()]
    for origin in origins:
        if origin != "*" and not re.fullmatch(ORIGIN, origin):
            raise ValueError("this is not scheme, host and port of a page; valid are: https://host, *")
    return ",".join(origins)


def _parse_networks(value: str) -> str:
    networks = [part.strip() for part in value.split(",") if part.strip()]
    for network in networks:
        if not is_network(network):
            raise ValueError(f"{network!r} is no address or network; valid are: 10.0.0.7, 10.0.0.0/24")
    return ",".join(networks)


def _parse_month(value: str) -> str:
    return Month.parse(value).key


def _parse_optional_month(value: str) -> str:
    return Month.parse(value).key if value else ""


LocalFolder = Annotated[str, AfterValidator(_parse_folder)]
"""The absolute path of a folder of this machine."""

Umask = Annotated[str, AfterValidator(_validate_umask)]
"""Three octal digits."""

EngineAddress = Annotated[str, AfterValidator(_validate_engine)]
"""An address of `ENGINE_GRAMMAR`, without credentials."""

SparkJars = Annotated[str, AfterValidator(_parse_jars)]
"""The absolute path of a folder, or Maven coordinates separated by commas."""

SparkOptions = Annotated[str, AfterValidator(_validate_spark_options)]
"""Options of Spark, quoted as for a shell."""

Endpoint = Annotated[str, AfterValidator(_parse_endpoint)]
"""Scheme, host and port of an S3-compatible store; empty for AWS itself."""

CodeUrl = Annotated[str, AfterValidator(_parse_code_url)]
"""The URL of a folder, without a slash at the end; may be empty."""

UiUrl = Annotated[str, AfterValidator(_parse_ui_url)]
"""The URL of a page without query, without a slash at the end."""

Webhook = Annotated[SecretStr, AfterValidator(_validate_webhook)]
"""A secret URL; may be empty."""

Origin = Annotated[str, AfterValidator(_parse_origin)]
"""Scheme, host and port in lower case; may be empty."""

Origins = Annotated[str, AfterValidator(_parse_origins)]
"""Origins separated by commas, or `*`; may be empty."""

Networks = Annotated[str, AfterValidator(_parse_networks)]
"""IP addresses and networks separated by commas; may be empty."""

MonthKey = Annotated[str, AfterValidator(_parse_month)]
"""A month such as 2016-04."""

OptionalMonthKey = Annotated[str, AfterValidator(_parse_optional_month)]
"""A month such as 2016-04; may be empty."""
