"""Test that the template's roles may do all that they do, and nothing else, by evaluating each call against them.

The calls come from three places: requests to the S3 server, which knows the template's roles; other calls of AWS, which
`support.aws_permissions` checks in the whole suite; and the lists here, for what Redshift, Spark and people do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from i94_platform.errors import PermanentError
from i94_platform.lake.s3 import S3Store
from i94_platform.lake.s3_client import create_s3_client
from i94_platform.lake.store import Store
from i94_platform.settings import PROJECT
from i94_platform_tests.deploy.stack import ACCOUNT, REGION, Stack
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.emulators.s3_roles import COPY, PLATFORM, SERVE, SPARK
from i94_platform_tests.support.aws_permissions import CALLS, is_role_allowed, list_statements, require_allowed
from i94_platform_tests.support.iam import Request, Statement, is_allowed
from i94_platform_tests.support.s3_permissions import KEY, list_needed_permissions

BUCKET = "arn:aws:s3:::i94-test-bucket"
MULTIPART_BYTES = 9 << 20
"""More than boto3 uploads at once."""

# --- the platform and the server on S3 --------------------------------------------------------------------------------


@pytest.fixture
def bucket(s3: S3Server) -> str:
    """A bucket with a delivery, a file of the lake and one of a release."""
    name, client = s3.create_bucket(), s3.create_client()
    for key in ("raw/i94_jan16_sub.parquet", "lake/staged/a", "lake/published/a", "logs/dagster/a"):
        client.put_object(Bucket=name, Key=key, Body=b"content")
    return name


def open_store(s3: S3Server, role: str, address: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store as the platform opens it, for somebody who has a role."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", role)
    return S3Store(address, partial(create_s3_client, s3.endpoint), folder, lock_timeout=0)


def test_the_platform_can_do_all_that_it_does_on_s3(
    s3: S3Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, lake = (
        open_store(s3, PLATFORM, f"s3://{bucket}/{part}", tmp_path / part, monkeypatch) for part in ("raw", "lake")
    )
    (delivery,) = raw.list()
    with raw.open(delivery.path) as file, raw.local_copy(delivery.path) as copy:
        assert file.read() == copy.read_bytes() == b"content"
    with lake.lock("release", "waiting"):
        lake.put("reference/manifest.json", b"{}")
    with lake.create("staged/large") as large:
        large.write(bytes(MULTIPART_BYTES))
    with lake.write_folder(lake.uri("staged/run=1")) as folder:
        (folder / "part").write_bytes(b"x")
    lake.fetch_local_paths([lake.uri("staged/large")])
    lake.delete(["staged/large", "staged/run=1/part"])
    with pytest.raises(FileNotFoundError):
        lake.read("missing")
    allowed = {action for role, action, answer in s3.read_permissions() if (role, answer) == (PLATFORM, "allowed")}
    assert {"s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "kms:GenerateDataKey"} <= allowed


@pytest.mark.parametrize(
    ("role", "part"),
    [
        (PLATFORM, "raw"),
        *((SERVE, part) for part in ("raw", "lake/staged", "lake/published")),
        *((COPY, part) for part in ("raw", "lake/staged")),
        *((SPARK, part) for part in ("raw", "logs")),
    ],
)
def test_nobody_writes_or_deletes_outside_of_their_part(
    s3: S3Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str, part: str
) -> None:
    store = open_store(s3, role, f"s3://{bucket}/{part}", tmp_path, monkeypatch)
    with pytest.raises(PermanentError, match="access is denied"):
        store.put("a", b"changed")
    with pytest.raises(PermanentError, match="access is denied"):
        store.delete(["a"])
    assert (role, "s3:PutObject", "denied") in s3.read_permissions()


@pytest.mark.parametrize(
    ("role", "part"), [(SERVE, "raw"), (SERVE, "lake"), (COPY, "raw"), (COPY, "logs"), (SPARK, "logs")]
)
def test_nobody_reads_or_lists_outside_of_their_part(
    s3: S3Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str, part: str
) -> None:
    store = open_store(s3, role, f"s3://{bucket}/{part}", tmp_path, monkeypatch)
    for read in (lambda: next(store.list()), lambda: store.read("staged/a")):
        with pytest.raises(PermanentError, match="access is denied"):
            read()


def test_the_server_can_read_releases(
    s3: S3Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(s3, SERVE, f"s3://{bucket}/lake", tmp_path, monkeypatch)
    assert [file.path for file in store.list("published")] == ["published/a"]
    assert store.read("published/a") == b"content"
    with pytest.raises(FileNotFoundError):
        store.read("published/missing")


# --- what Redshift and Spark do, by their documentation ---------------------------------------------------------------


def s3_requests(*requests: tuple[str, str, str]) -> list[Request]:
    """What requests to the template's bucket need, each a method, a key and a query."""
    return [
        need
        for method, key, query in requests
        for need in list_needed_permissions(method, f"/i94-test-bucket/{key}".rstrip("/"), query, {})
    ]


DOCUMENTED = {
    # "Loading data from Amazon S3" and "UNLOAD" of Redshift's guide; ENCRYPTED AUTO asks for the bucket's encryption
    COPY: s3_requests(
        ("GET", "", "location"),
        ("GET", "", "list-type=2&prefix=lake/staged/immigration/"),
        ("GET", "lake/staged/immigration/run=1/copy.json", ""),
        ("GET", "lake/staged/immigration/run=1/part-0.parquet", ""),
        ("GET", "", "encryption"),
        ("GET", "", "list-type=2&prefix=lake/published/run=1/"),
        ("PUT", "lake/published/run=1/part-000.parquet", ""),
        ("POST", "lake/published/run=1/part-000.parquet", "uploads"),
        ("PUT", "lake/published/run=1/part-000.parquet", "uploadId=1&partNumber=1"),
        ("POST", "lake/published/run=1/part-000.parquet", "uploadId=1"),
        ("DELETE", "lake/published/run=1/part-000.parquet", "uploadId=1"),
    ),
    # Hadoop's pages on the S3A client and its committers: probes of a path, the magic committer
    SPARK: s3_requests(
        ("HEAD", "raw/i94_apr16_sub.parquet", ""),
        ("GET", "", "list-type=2&prefix=raw/i94_apr16_sub.parquet/"),
        ("GET", "raw/i94_apr16_sub.parquet", ""),
        ("HEAD", "lake", ""),
        ("HEAD", "lake/staged/immigration/run=1", ""),
        ("GET", "", "list-type=2&prefix=lake/staged/immigration/run=1/"),
        ("PUT", "lake/staged/immigration/run=1/__magic/job-1/", ""),
        ("POST", "lake/staged/immigration/run=1/part-0.parquet", "uploads"),
        ("PUT", "lake/staged/immigration/run=1/part-0.parquet", "uploadId=1&partNumber=1"),
        ("POST", "lake/staged/immigration/run=1/part-0.parquet", "uploadId=1"),
        ("GET", "", "uploads&prefix=lake/staged/immigration/run=1/"),
        ("DELETE", "lake/staged/immigration/run=1/part-0.parquet", "uploadId=1"),
        ("DELETE", "lake/staged/immigration/run=1/__magic/job-1/", ""),
    ),
    # Session Manager's agent, and step 3 of docs/how-to/production.md
    PLATFORM: [
        *(request for requests in CALLS.values() for request in requests),
        *s3_requests(
            ("DELETE", "lake/staged/large", "uploadId=1"),  # boto3 ends an upload that fails
            ("PUT", "logs/dagster/storage/1/compute_logs/2.out", ""),
            ("GET", "logs/dagster/storage/1/compute_logs/2.out", ""),
            ("DELETE", "logs/dagster/storage/1/compute_logs/2.out", ""),
            ("GET", "", "prefix=logs/dagster/storage/1/"),
            ("GET", "", "list-type=2&prefix=raw/"),
            ("GET", "raw/i94_apr16_sub.parquet", ""),
            ("PUT", "lake/staged/manifest.json", ""),
            ("GET", "lake/staged/manifest.json", ""),
            ("DELETE", "lake/staged/manifest.json", ""),
        ),
    ],
    SERVE: s3_requests(("GET", "", "list-type=2&prefix=lake/published/"), ("GET", "lake/published/manifest.json", "")),
}
AGENT = (
    "ssm:UpdateInstanceInformation",
    *(f"ssmmessages:{verb}{channel}Channel" for verb in ("Create", "Open") for channel in ("Control", "Data")),
)
"""What Session Manager's agent does on a machine."""


@pytest.mark.parametrize("role", [COPY, SPARK, PLATFORM, SERVE])
def test_a_role_may_do_what_its_service_does(role: str) -> None:
    assert [request for request in DOCUMENTED[role] if not is_role_allowed(role, request)] == []


@pytest.mark.parametrize("role", [PLATFORM, SERVE])
def test_session_manager_can_open_a_shell_on_a_machine(role: str) -> None:
    assert [action for action in AGENT if not is_role_allowed(role, Request(action, "*"))] == []
    on_ecs = [statement for statement in Stack(RunsOn="ecs-tasks").statements() if statement.owner == role]
    assert not [statement for statement in on_ecs if statement.actions == AGENT]


@pytest.mark.parametrize(
    ("role", "request_"),
    [
        (SPARK, *s3_requests(("PUT", "raw/i94_apr16_sub.parquet", ""))[:1]),
        (COPY, *s3_requests(("PUT", "lake/staged/immigration/run=1/part-0.parquet", ""))[:1]),
        (
            PLATFORM,
            Request("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/PlatformRole", {"iam:PassedToService": "ec2"}),
        ),
        (PLATFORM, Request("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/SparkRole", {"iam:PassedToService": "ec2"})),
        (PLATFORM, Request("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:other")),
        (PLATFORM, Request("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/other")),
        (
            PLATFORM,
            Request("cloudformation:DescribeStacks", f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/other/1"),
        ),
        (SERVE, Request("redshift-serverless:GetCredentials", "Workgroup.Workgroup.WorkgroupArn")),
        (SERVE, Request("kms:GenerateDataKey", KEY)),
    ],
)
def test_what_no_role_needs_is_denied(role: str, request_: Request) -> None:
    assert not is_role_allowed(role, request_)


def test_a_role_has_no_permission_that_nothing_needs() -> None:
    needed = {(role, request.action) for role, requests in DOCUMENTED.items() for request in requests}
    needed |= {(role, action) for role in (PLATFORM, SERVE) for action in AGENT}
    needed |= {(who, request.action) for who, requests in COMMANDS.values() for request in requests}
    needed |= {("OperatorPolicy", "ssm:ResumeSession"), ("OperatorPolicy", "ssm:TerminateSession")}  # `exit` in a shell
    needed |= {("DelivererPolicy", "s3:AbortMultipartUpload")}  # the command line does so after an error
    allowed = {
        (statement.owner, action)
        for statement in list_statements()
        for action in statement.actions
        if statement.owner not in ("Key", "BucketPolicy")
    }
    assert allowed - needed == set()


def test_a_call_that_the_template_does_not_allow_fails_its_test() -> None:
    with pytest.raises(AssertionError, match="new call"):
        require_allowed("emr-serverless", "DeleteApplication")
    without_spark = [one for one in Stack().statements() if one.owner == PLATFORM]
    assert not is_allowed(without_spark, CALLS["emr-serverless", "StartSession"][0])


@pytest.mark.parametrize(
    ("request_", "allowed"),
    [
        (Request("s3:GetObject", "arn:aws:s3:::b/x"), True),
        (Request("S3:GETOBJECT", "arn:aws:s3:::b/x"), True),
        (Request("s3:GetObject", "arn:aws:s3:::b"), False),
        (Request("s3:PutObject", "arn:aws:s3:::b/x"), False),
        (Request("s3:ListBucket", "arn:aws:s3:::b"), True),
        (Request("s3:ListBucket", "arn:aws:s3:::b", {"s3:prefix": "x/y"}), True),
        (Request("s3:ListBucket", "arn:aws:s3:::b", {"s3:prefix": "y"}), False),
        (Request("s3:GetObject", "arn:aws:s3:::b/x", {"aws:SecureTransport": "false"}), False),
    ],
)
def test_requests_are_evaluated_as_by_iam(request_: Request, allowed: bool) -> None:
    statements = [
        Statement("r", "Read", "Allow", ("s3:Get*",), ("arn:aws:s3:::b/*",)),
        Statement(
            "r", "List", "Allow", ("s3:ListBucket",), ("*",), None, {"StringLikeIfExists": {"s3:prefix": ["x/*", "z"]}}
        ),
        Statement("r", "Tls", "Deny", ("s3:*",), ("*",), "*", {"Bool": {"aws:SecureTransport": "false"}}),
    ]
    assert is_allowed(statements, request_) is allowed


# --- the commands of docs/how-to/production.md ------------------------------------------------------------------------

ADMINISTRATOR, OPERATOR, DELIVERER = "an administrator of the account", "OperatorPolicy", "DelivererPolicy"
_STACK = Request("cloudformation:DescribeStacks", f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/i94-test/*")
_VIA_SECRETS = {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}
_VIA_S3 = {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}
_INSTANCE = Request(
    "ssm:StartSession", f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-1", {"ssm:resourceTag/Stack": "i94-test"}
)
_TUNNEL = Request("ssm:StartSession", f"arn:aws:ssm:{REGION}::document/AWS-StartPortForwardingSession")
_SHELL = Request("ssm:StartSession", f"arn:aws:ssm:{REGION}:{ACCOUNT}:document/SSM-SessionManagerRunShell")
_ADMIN_SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:redshift!i94-test-administrator-AbCdEf"

COMMANDS: dict[str, tuple[str, list[Request]]] = {
    "aws cloudformation deploy": (ADMINISTRATOR, []),
    "aws cloudformation delete-stack": (ADMINISTRATOR, []),
    "aws ssm start-session --target i-…": (OPERATOR, [_INSTANCE, _SHELL]),
    "aws ssm start-session --target i-… --document-name AWS-StartPortForwardingSession": (
        OPERATOR,
        [_INSTANCE, _TUNNEL],
    ),
    "aws cloudformation describe-stacks --stack-name i94 --query 'Stacks[0].Outputs[].[Desc": (PLATFORM, [_STACK]),
    'aws cloudformation describe-stacks --stack-name i94 --query "Stacks[0].Outputs[?': (OPERATOR, [_STACK]),
    "aws secretsmanager get-secret-value --secret-id HISTORY-SECRET": (
        PLATFORM,
        [Request("secretsmanager:GetSecretValue", "HistoryPassword"), Request("kms:Decrypt", KEY, _VIA_SECRETS)],
    ),
    "aws redshift-serverless get-namespace": (
        OPERATOR,
        [Request("redshift-serverless:GetNamespace", "Namespace.Namespace.NamespaceArn")],
    ),
    'aws secretsmanager get-secret-value --secret-id "$secret"': (
        OPERATOR,
        [Request("secretsmanager:GetSecretValue", _ADMIN_SECRET), Request("kms:Decrypt", KEY, _VIA_SECRETS)],
    ),
    "aws s3 cp --recursive deliveries/": (
        DELIVERER,
        [
            Request(need.action, need.resource, _VIA_S3)
            for need in s3_requests(
                ("PUT", "raw/i94_apr16_sub.parquet", ""),
                ("POST", "raw/i94_apr16_sub.parquet", "uploads"),
                ("PUT", "raw/i94_apr16_sub.parquet", "uploadId=1&partNumber=1"),
                ("POST", "raw/i94_apr16_sub.parquet", "uploadId=1"),
            )
        ],
    ),
}
"""By the beginning of a command: who runs it, and what it needs."""


def find_commands() -> Iterator[str]:
    """Find the commands of AWS's command line in docs/how-to/production.md, also those within a sentence."""
    text = (PROJECT / "docs" / "how-to" / "production.md").read_text().replace("\\\n", " ")
    for match in re.finditer(r"(?:^|[`(])(aws [a-z0-9-]+ [a-z][^`\n]*)", text, re.MULTILINE):
        yield re.sub(r"\s+", " ", match[1])


def test_every_command_of_the_docs_is_allowed_to_who_runs_it() -> None:
    commands = list(find_commands())
    unknown = [command for command in commands if not any(command.startswith(known) for known in COMMANDS)]
    assert unknown == []
    unused = [known for known in COMMANDS if not any(command.startswith(known) for command in commands)]
    assert unused == []
    denied = [
        (command, who, request)
        for command, (who, requests) in COMMANDS.items()
        for request in requests
        if not is_role_allowed(who, request)
    ]
    assert denied == []


def test_an_operator_logs_in_to_machines_of_the_stack_only() -> None:
    other = Request(_INSTANCE.action, _INSTANCE.resource, {"ssm:resourceTag/Stack": "other"})
    assert not is_role_allowed(OPERATOR, other)
    assert not is_role_allowed(OPERATOR, Request(_INSTANCE.action, _INSTANCE.resource))


def test_who_delivers_reads_nothing() -> None:
    for request in s3_requests(("GET", "raw/i94_apr16_sub.parquet", ""), ("PUT", "lake/x", ""))[::2]:
        assert not is_role_allowed(DELIVERER, request)
