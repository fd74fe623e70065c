"""Test the CloudFormation template: narrow permissions, private data, no secrets, usable addresses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from i94_platform.redshift_address import Endpoint
from i94_platform.settings import Settings
from i94_platform_tests.deploy.stack import ACCOUNT, REGION, TEMPLATE, Stack
from i94_platform_tests.support.iam import Request, Statement, is_about

ANY_RESOURCE = {
    ("Key", "AccountDecides"): "AWS requires * in the policy of a key, and it means this key",
    ("PlatformRole", "TakeSessions"): "the channels of Session Manager know no resource",
    ("ServeRole", "TakeSessions"): "the same",
}
"""The statements whose resource may be *, each with its reason."""

SESSIONS = f"arn:aws:emr-serverless:{REGION}:{ACCOUNT}:/applications/00application/sessions/*"
BUCKET = "arn:aws:s3:::i94-test-bucket"


@pytest.fixture(scope="module")
def stack() -> Stack:
    """The template with Spark; tests of what it has without it say so."""
    return Stack(WithSpark="true")


def allowed_actions(stack: Stack, role: str) -> dict[str, set[str]]:
    """Return the actions that a role may perform, each with its resources."""
    actions: dict[str, set[str]] = {}
    for statement in stack.statements():
        if statement.owner == role:
            for action in statement.actions:
                actions.setdefault(action, set()).update(statement.resources)
    return actions


def test_no_statement_allows_any_resource_or_any_action(stack: Stack) -> None:
    statements = [s for s in stack.statements() if s.effect == "Allow"]
    unrestricted = {(s.owner, s.sid) for s in statements if "*" in s.resources}
    assert unrestricted == set(ANY_RESOURCE)
    for statement in statements:
        if statement.owner != "Key":
            assert not [action for action in statement.actions if "*" in action], statement


def test_wildcards_cover_only_parts_of_the_stack_and_machines_that_carry_its_name(stack: Stack) -> None:
    resources = {r for s in stack.statements() for r in s.resources if "*" in r and r != "*"}
    assert resources == {
        SESSIONS,
        f"{BUCKET}/*",
        f"{BUCKET}/raw/*",
        f"{BUCKET}/lake/*",
        f"{BUCKET}/lake/published/*",
        f"{BUCKET}/logs/*",
        f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/i94-test/*",
        f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/*",
        f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:redshift!i94-test-*",
        f"arn:aws:ssm:{REGION}:{ACCOUNT}:session/${{aws:userid}}-*",
    }


def test_every_statement_has_a_descriptive_name(stack: Stack) -> None:
    assert not [s for s in stack.statements() if not re.fullmatch(r"([A-Z][a-z]+)+", s.sid)]


def test_the_platform_can_start_sessions_only_on_its_application_and_with_the_role_of_spark(stack: Stack) -> None:
    actions = allowed_actions(stack, "PlatformRole")
    assert actions["emr-serverless:StartSession"] == {SESSIONS.removesuffix("/sessions/*")}
    assert actions["emr-serverless:GetSessionEndpoint"] == actions["emr-serverless:TerminateSession"] == {SESSIONS}
    assert actions["iam:PassRole"] == {f"arn:aws:iam::{ACCOUNT}:role/SparkRole"}
    (statement,) = [s for s in stack.statements() if "iam:PassRole" in s.actions]
    assert statement.condition == {"StringEquals": {"iam:PassedToService": "emr-serverless.amazonaws.com"}}
    assert actions["redshift-serverless:GetCredentials"] == {"Workgroup.Workgroup.WorkgroupArn"}


def test_a_session_of_spark_assumes_its_role_and_no_other_application_does(stack: Stack) -> None:
    """A session and a job have ARNs of their own, below that of their application."""
    (trust,) = stack.properties("SparkRole")["AssumeRolePolicyDocument"]["Statement"]
    statement = Statement("SparkRole", "", "Allow", (trust["Action"],), ("*",), None, trust["Condition"])
    application = SESSIONS.removesuffix("/sessions/*")
    answers = [
        is_about(statement, Request("sts:AssumeRole", "", {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": source}))
        for source in (
            application,
            f"{application}/sessions/00session1",
            f"{application}2",
            f"{application}2/sessions/1",
        )
    ]
    assert answers == [True, True, False, False]


def test_without_spark_there_is_no_part_of_it() -> None:
    """DuckDB on the machine stages a month in seconds, so Spark is off unless it is asked for."""
    stack = Stack()
    assert not [one for one in stack.resources.values() if one["Type"].startswith("AWS::EMR")]
    assert "SparkRole" not in stack.resources
    actions = {action for statement in stack.statements() for action in statement.actions}
    assert not [action for action in actions if action.startswith(("emr", "iam"))]
    assert stack.output("I94Engine") == "duckdb"


def test_only_its_own_service_can_assume_a_role(stack: Stack) -> None:
    services = {}
    for name in stack.names_of_type("AWS::IAM::Role"):
        (statement,) = stack.properties(name)["AssumeRolePolicyDocument"]["Statement"]
        services[name] = statement["Principal"]["Service"]
    assert services == {
        "CopyRole": ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"],
        "SparkRole": "emr-serverless.amazonaws.com",
        "PlatformRole": "ec2.amazonaws.com",
        "ServeRole": "ec2.amazonaws.com",
    }


def test_only_a_warehouse_of_this_account_can_assume_the_role_that_copies(stack: Stack) -> None:
    (statement,) = stack.properties("CopyRole")["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:*"},
    }


def test_the_warehouse_leaves_a_snapshot(stack: Stack) -> None:
    (name,) = stack.names_of_type("AWS::RedshiftServerless::Namespace")
    assert stack.properties(name)["FinalSnapshotName"] == "i94-test-final"
    assert stack.resources[name]["UpdateReplacePolicy"] == "Retain"


def test_the_bucket_is_private_encrypted_versioned_and_survives_the_stack(stack: Stack) -> None:
    (name,) = stack.names_of_type("AWS::S3::Bucket")
    bucket = stack.properties(name)
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "Key.Arn"}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert stack.resources[name]["DeletionPolicy"] == stack.resources[name]["UpdateReplacePolicy"] == "Retain"


def test_the_bucket_rejects_unencrypted_connections(stack: Stack) -> None:
    (statement,) = [s for s in stack.statements() if s.owner == "BucketPolicy"]
    assert statement == Statement(
        owner="BucketPolicy",
        sid="EncryptedConnectionsOnly",
        effect="Deny",
        actions=("s3:*",),
        resources=(BUCKET, f"{BUCKET}/*"),
        principal="*",
        condition={"Bool": {"aws:SecureTransport": "false"}},
    )


def test_the_bucket_expires_replaced_objects_and_logs_but_no_delivery(stack: Stack) -> None:
    rules = {rule["Id"]: rule for rule in stack.properties("Bucket")["LifecycleConfiguration"]["Rules"]}
    assert {rule["Status"] for rule in rules.values()} == {"Enabled"}
    assert rules["parts-of-uploads-that-never-ended"]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1
    noncurrent_rule = rules["replaced-and-deleted-objects"]
    assert "Prefix" not in noncurrent_rule
    assert noncurrent_rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 30
    expiring_prefixes = {rule.get("Prefix") for rule in rules.values() if "ExpirationInDays" in rule}
    assert expiring_prefixes == {"logs/"}, "a current object may expire only below logs/"


def test_only_the_platform_can_reach_the_warehouse_and_only_by_tls(stack: Stack) -> None:
    workgroup = stack.properties("Workgroup")
    assert workgroup["PubliclyAccessible"] is False
    assert {"ParameterKey": "require_ssl", "ParameterValue": "true"} in workgroup["ConfigParameters"]
    assert workgroup["SecurityGroupIds"] == ["WarehouseSecurityGroup"]
    (rule,) = stack.properties("WarehouseSecurityGroup")["SecurityGroupIngress"]
    assert (rule["SourceSecurityGroupId"], rule["FromPort"], rule["ToPort"]) == ("PlatformSecurityGroup", 5439, 5439)
    assert "SecurityGroupIngress" not in stack.properties("PlatformSecurityGroup")
    assert set(stack.properties("Namespace")["LogExports"]) == {"connectionlog", "userlog", "useractivitylog"}


def test_spark_has_sessions_and_stops_when_idle(stack: Stack) -> None:
    application = stack.properties("Spark")
    assert application["InteractiveConfiguration"] == {"SessionEnabled": True}
    assert application["AutoStopConfiguration"] == {"Enabled": True, "IdleTimeoutMinutes": 15}
    assert application["MaximumCapacity"] == {"Cpu": "32 vCPU", "Memory": "128 GB"}


@pytest.mark.parametrize(
    ("release", "is_valid"),
    [
        ("emr-spark-8.0.0", True),
        ("emr-7.13.0", False),
        ("emr-spark-8.1.2", True),
        ("emr-7.12.0", False),
        ("emr-6.15.0", False),
        ("latest", False),
    ],
)
def test_a_spark_release_without_sessions_is_rejected(stack: Stack, release: str, is_valid: bool) -> None:
    assert bool(re.fullmatch(stack.parameters["SparkRelease"]["AllowedPattern"], release)) is is_valid
    assert re.fullmatch(stack.parameters["SparkRelease"]["AllowedPattern"], stack.parameters["SparkRelease"]["Default"])


def test_every_parameter_has_a_description_and_bounds(stack: Stack) -> None:
    for name, parameter in stack.parameters.items():
        bounds = {"AllowedValues", "AllowedPattern", "MinValue"} & set(parameter)
        assert parameter["Description"].endswith("."), name
        assert bounds or parameter["Type"].startswith(("AWS::EC2::", "List<AWS::EC2::")), name


def test_aws_generates_passwords_and_keeps_them_in_secrets_manager(stack: Stack) -> None:
    namespace = stack.properties("Namespace")
    assert namespace["ManageAdminPassword"] is True
    assert "AdminUserPassword" not in namespace
    secrets = stack.names_of_type("AWS::SecretsManager::Secret")
    assert secrets == ["HistoryPassword"]
    for name in secrets:
        assert "GenerateSecretString" in stack.properties(name)
        assert "SecretString" not in stack.properties(name)


def test_no_parameter_or_output_holds_a_secret(stack: Stack) -> None:
    suspicious = re.compile(r"password|secret|token|credential", re.IGNORECASE)
    assert not [name for name in stack.parameters if suspicious.search(name)]
    outputs = json.dumps(stack.template["Outputs"])
    assert "resolve:secretsmanager" not in TEMPLATE.read_text()
    references = re.findall(r'"(?:Ref|Fn::Sub|Fn::GetAtt)": "?([^"]*)', outputs)
    assert references.count("HistoryPassword") == 1, "a reference gives the name of the secret, never its value"


def test_no_text_of_the_template_looks_like_an_access_key(stack: Stack) -> None:
    access_key = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|(?<![\w/+.:-])[A-Za-z0-9/+]{40}(?![\w/+])")
    assert not [text for text in iterate_texts(stack.template) if access_key.search(text)]


def iterate_texts(data: Any) -> Iterator[str]:
    """Yield every text in nested data."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from (str(key), *iterate_texts(value))
    elif isinstance(data, list):
        for value in data:
            yield from iterate_texts(value)
    else:
        yield str(data)


def test_the_outputs_are_valid_settings(stack: Stack) -> None:
    addresses: dict[str, Any] = {
        name: stack.output(f"I94{name.capitalize()}") for name in ("raw", "lake", "engine", "warehouse")
    }
    settings = Settings(**addresses)
    assert settings.engine == addresses["engine"]
    assert (settings.lake, settings.raw) == ("s3://i94-test-bucket/lake", "s3://i94-test-bucket/raw")
    warehouse = settings.redshift_address
    assert warehouse is not None
    assert warehouse.endpoint == Endpoint(name="i94-test", region=REGION, serverless=True)
    assert warehouse.iam_role == f"arn:aws:iam::{ACCOUNT}:role/CopyRole"
    assert (warehouse.auth, warehouse.sslmode) == ("iam", "verify-full")
    assert warehouse.database == stack.properties("Namespace")["DbName"]
    assert warehouse.port == stack.properties("Workgroup")["Port"]


def test_the_roles_can_use_the_addresses_of_the_outputs(stack: Stack) -> None:
    actions = allowed_actions(stack, "PlatformRole")
    for output, action in [("I94Lake", "s3:PutObject"), ("I94Raw", "s3:GetObject")]:
        assert f"arn:aws:s3:::{stack.output(output).removeprefix('s3://')}/*" in actions[action]
    engine = urlsplit(stack.output("I94Engine"))
    assert parse_qs(engine.query) == {"role": [f"arn:aws:iam::{ACCOUNT}:role/SparkRole"]}
    assert f"/applications/{engine.netloc}" in next(iter(actions["emr-serverless:StartSession"]))
