"""The address of an Amazon Redshift warehouse: `redshift://user@host:5439/database?iam_role=…`.

An address holds no secret. One that does is rejected, with a message that does not repeat it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

GRAMMAR = "redshift://user@host:5439/database?iam_role=arn:aws:iam::123456789012:role/name"
SSLMODES = ("verify-full", "verify-ca", "require", "disable")
"""From strict to none: the certificate names the host; a known authority signed it; any certificate; no encryption."""
AUTHS = ("password", "iam")
_CHOICES = {"sslmode": SSLMODES, "auth": AUTHS}

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=.@/-]+", re.ASCII)
_PROVISIONED = re.compile(r"(?P<name>[\w-]+)\.[\w-]+\.(?P<region>[\w-]+)\.redshift\.amazonaws\.com(?:\.cn)?")
_SERVERLESS = re.compile(r"(?P<name>[\w-]+)\.\d{12}\.(?P<region>[\w-]+)\.redshift-serverless\.amazonaws\.com(?:\.cn)?")


def redact_user(address: str) -> str:
    """Hide what stands before an `@`, which could be a password, so that a message may show the address."""
    return re.sub(r"//.*@", "//…@", address, flags=re.DOTALL)


@dataclass(frozen=True)
class Endpoint:
    """The parts of an AWS host name: the name of the cluster or workgroup, its region, and which of the two it is."""

    name: str
    region: str
    serverless: bool


@dataclass(frozen=True)
class RedshiftAddress:
    """A Redshift database, the user who logs in, and the role by which it reads the lake."""

    user: str
    host: str
    port: int
    database: str
    iam_role: str
    """ARNs separated by commas (a chain of roles), or `default`: the cluster's own default role."""
    sslmode: str = "verify-full"
    auth: str = "password"

    @classmethod
    def parse(cls, address: str) -> RedshiftAddress:
        """Parse an address.

        Raises:
            ValueError: a part is missing, unknown or a secret; the message says which and what is valid.
        """
        try:
            parts = urlsplit(address)
            host, port = parts.hostname, parts.port or 5439
        except ValueError as error:
            raise ValueError(f"this is not an address such as {GRAMMAR}: its host or port can't be read") from error
        if parts.password is not None or "@" in unquote(parts.path):
            raise ValueError(
                "an address holds no password; take it out and set I94_REDSHIFT_PASSWORD, PGPASSWORD or ~/.pgpass, "
                "or ask AWS for a temporary one with &auth=iam"
            )
        database = unquote(parts.path.strip("/"))
        parts_by_name = {"a user": parts.username, "a host": host, "a database": database}
        if missing := [name for name, value in parts_by_name.items() if not value]:
            raise ValueError(f"this address lacks {' and '.join(missing)}; write it as {GRAMMAR}")
        options = _parse_options(parts.query)
        parsed = cls(unquote(parts.username or ""), host or "", port, database, **options)
        if parsed.auth == "iam" and parsed.endpoint is None:
            raise ValueError(
                f"auth=iam asks AWS by the cluster's or workgroup's name, which {parsed.host} does not tell; "
                "use AWS's own host name, that ends in amazonaws.com"
            )
        return parsed

    @property
    def endpoint(self) -> Endpoint | None:
        """The endpoint that the host names; None for a host name that is not AWS's."""
        for pattern, serverless in ((_PROVISIONED, False), (_SERVERLESS, True)):
            if match := pattern.fullmatch(self.host):
                return Endpoint(match["name"], match["region"], serverless)
        return None

    def __str__(self) -> str:
        return f"redshift://{self.user}@{self.host}:{self.port}/{self.database}"


def _parse_options(query: str) -> dict[str, str]:
    options = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
    known = ("iam_role", *_CHOICES)
    # names only: a value that we do not know could be a secret
    if unknown := sorted(set(options) - set(known)):
        raise ValueError(f"unknown option {', '.join(unknown)} in the address; valid are: {', '.join(known)}")
    roles = options.get("iam_role", "")
    if roles != "default" and not all(_ROLE.fullmatch(role) for role in roles.split(",")):
        raise ValueError(
            "iam_role is the role by which Redshift reads the lake: one ARN (arn:aws:iam::123456789012:role/name), "
            "several in a chain separated by commas, or default"
        )
    for name, valid in _CHOICES.items():
        if options.get(name, valid[0]) not in valid:
            raise ValueError(f"{name} in the address is one of: {', '.join(valid)}")
    return options
