"""Pins what the template promises beyond its syntax: narrow permissions, private data, no secrets, usable addresses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from i94_platform.redshift_address import Endpoint
from i94_platform.settings import Settings
from i94_platform_tests.deploy.stack import ACCOUNT, REGION, TEMPLATE, Stack, Statement

ANY_RESOURCE = {("Key", "AccountDecides"): "in a key's own policy * is this key; AWS takes nothing else there"}
"""The statements whose resource may be *, each with the reason."""

SESSIONS = f"arn:aws:emr-serverless:{REGION}:{ACCOUNT}:/applications/00application/sessions/*"
BUCKET = "arn:aws:s3:::i94-test-bucket"


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack()


def allowed(stack: Stack, role: str) -> dict[str, set[str]]:
    """What a role may do: its actions, each with the resources."""
    found: dict[str, set[str]] = {}
    for statement in stack.statements():
        if statement.of == role:
            for action in statement.actions:
                found.setdefault(action, set()).update(statement.resources)
    return found


def test_no_statement_that_allows_names_any_resource_or_any_action(stack: Stack) -> None:
    allows = [s for s in stack.statements() if s.effect == "Allow"]
    wide = {(s.of, s.sid) for s in allows if "*" in s.resources}
    assert wide == set(ANY_RESOURCE)
    for statement in allows:
        if (statement.of, statement.sid) not in ANY_RESOURCE:
            assert not [action for action in statement.actions if "*" in action], statement


def test_a_wildcard_stands_only_at_the_end_below_one_thing_of_the_stack(stack: Stack) -> None:
    resources = {r for s in stack.statements() for r in s.resources if "*" in r and r != "*"}
    assert resources == {
        SESSIONS,
        f"{BUCKET}/*",
        f"{BUCKET}/raw/*",
        f"{BUCKET}/lake/*",
        f"{BUCKET}/lake/published/*",
        f"{BUCKET}/logs/*",
    }


def test_every_statement_of_a_role_has_a_name_that_says_what_it_is_for(stack: Stack) -> None:
    assert not [s for s in stack.statements() if not re.fullmatch(r"([A-Z][a-z]+)+", s.sid)]


def test_listing_is_allowed_below_named_prefixes_and_to_learn_that_an_object_is_not_there(stack: Stack) -> None:
    """S3 names no prefix when it looks whether it may say 404; a plain StringLike would make 403 of it."""
    lists = [s for s in stack.statements() if "s3:ListBucket" in s.actions]
    assert {s.of for s in lists} == {"CopyRole", "SparkRole", "PlatformRole"}
    for statement in lists:
        assert set(statement.condition) == {"StringLikeIfExists"}
        prefixes = statement.condition["StringLikeIfExists"]["s3:prefix"]
        assert set([prefixes] if isinstance(prefixes, str) else prefixes) <= {"raw/*", "lake/*", "logs/*"}


def test_redshift_may_read_the_lake_and_write_releases_and_nothing_else(stack: Stack) -> None:
    assert allowed(stack, "CopyRole") == {
        "s3:ListBucket": {BUCKET},
        "s3:GetBucketLocation": {BUCKET},
        "s3:GetObject": {f"{BUCKET}/lake/*"},
        "s3:PutObject": {f"{BUCKET}/lake/published/*"},
        "s3:AbortMultipartUpload": {f"{BUCKET}/lake/published/*"},
        "kms:Decrypt": {"Key.Arn"},
        "kms:GenerateDataKey": {"Key.Arn"},
    }


@pytest.mark.parametrize("role", ["SparkRole", "PlatformRole"])
def test_deliveries_can_be_read_but_not_changed(stack: Stack, role: str) -> None:
    on_deliveries = {action for action, on in allowed(stack, role).items() if f"{BUCKET}/raw/*" in on}
    assert on_deliveries == {"s3:GetObject"}


def test_spark_can_neither_log_in_to_the_warehouse_nor_read_secrets_nor_start_anything(stack: Stack) -> None:
    assert {action.partition(":")[0] for action in allowed(stack, "SparkRole")} == {"s3", "kms"}


def test_the_platform_starts_sessions_on_its_application_with_the_one_role(stack: Stack) -> None:
    may = allowed(stack, "PlatformRole")
    assert may["emr-serverless:StartSession"] == {SESSIONS.removesuffix("/sessions/*")}
    assert may["emr-serverless:GetSessionEndpoint"] == may["emr-serverless:TerminateSession"] == {SESSIONS}
    assert may["iam:PassRole"] == {f"arn:aws:iam::{ACCOUNT}:role/SparkRole"}
    (passing,) = [s for s in stack.statements() if "iam:PassRole" in s.actions]
    assert passing.condition == {"StringEquals": {"iam:PassedToService": "emr-serverless.amazonaws.com"}}
    assert may["redshift-serverless:GetCredentials"] == {"Workgroup.Workgroup.WorkgroupArn"}


def test_every_action_on_spark_is_one_that_aws_has(stack: Stack) -> None:
    """cfn-lint knows the names of resources' properties, but lets an action through that does not exist."""
    known = set(boto3.client("emr-serverless", region_name=REGION).meta.service_model.operation_names)
    asked = {a.partition(":")[2] for a in allowed(stack, "PlatformRole") if a.startswith("emr-serverless:")}
    assert asked
    assert asked <= known


def test_each_role_can_be_assumed_by_its_own_service_only(stack: Stack) -> None:
    trusted = {}
    for name in stack.of_type("AWS::IAM::Role"):
        (statement,) = stack.properties(name)["AssumeRolePolicyDocument"]["Statement"]
        trusted[name] = statement["Principal"]["Service"]
    assert trusted == {
        "CopyRole": ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"],
        "SparkRole": "emr-serverless.amazonaws.com",
        "PlatformRole": "ec2.amazonaws.com",
    }


def test_the_bucket_is_private_encrypted_versioned_and_survives_the_stack(stack: Stack) -> None:
    (name,) = stack.of_type("AWS::S3::Bucket")
    bucket = stack.properties(name)
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "Key.Arn"}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert stack.resources[name]["DeletionPolicy"] == stack.resources[name]["UpdateReplacePolicy"] == "Retain"


def test_the_bucket_refuses_connections_without_encryption(stack: Stack) -> None:
    (statement,) = [s for s in stack.statements() if s.of == "BucketPolicy"]
    assert statement == Statement(
        of="BucketPolicy",
        sid="EncryptedConnectionsOnly",
        effect="Deny",
        actions=("s3:*",),
        resources=(BUCKET, f"{BUCKET}/*"),
        principal="*",
        condition={"Bool": {"aws:SecureTransport": "false"}},
    )


def test_the_bucket_clears_what_nobody_sees_any_more_and_no_delivery(stack: Stack) -> None:
    rules = {rule["Id"]: rule for rule in stack.properties("Bucket")["LifecycleConfiguration"]["Rules"]}
    assert {rule["Status"] for rule in rules.values()} == {"Enabled"}
    assert rules["parts-of-uploads-that-never-ended"]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1
    everywhere = rules["replaced-and-deleted-objects"]
    assert "Prefix" not in everywhere
    assert everywhere["NoncurrentVersionExpiration"]["NoncurrentDays"] == 30
    current = {rule.get("Prefix") for rule in rules.values() if "ExpirationInDays" in rule}
    assert current == {"logs/"}, "an object that is current may expire only where runs print"


def test_the_warehouse_is_reached_from_the_platform_only_and_by_tls(stack: Stack) -> None:
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
    ("release", "fits"),
    [
        ("emr-spark-8.0.0", True),
        ("emr-7.13.0", True),
        ("emr-7.20.1", True),
        ("emr-7.12.0", False),
        ("emr-6.15.0", False),
        ("latest", False),
    ],
)
def test_a_release_without_sessions_is_refused(stack: Stack, release: str, fits: bool) -> None:
    assert bool(re.fullmatch(stack.parameters["SparkRelease"]["AllowedPattern"], release)) is fits
    assert re.fullmatch(stack.parameters["SparkRelease"]["AllowedPattern"], stack.parameters["SparkRelease"]["Default"])


def test_every_parameter_is_explained_and_bounded(stack: Stack) -> None:
    for name, parameter in stack.parameters.items():
        bounds = {"AllowedValues", "AllowedPattern", "MinValue"} & set(parameter)
        assert parameter["Description"].endswith("."), name
        assert bounds or parameter["Type"].startswith(("AWS::EC2::", "List<AWS::EC2::")), name


def test_passwords_are_made_by_aws_and_kept_in_secrets_manager(stack: Stack) -> None:
    namespace = stack.properties("Namespace")
    assert namespace["ManageAdminPassword"] is True
    assert "AdminUserPassword" not in namespace
    secrets = stack.of_type("AWS::SecretsManager::Secret")
    assert secrets == ["HistoryPassword"]
    for name in secrets:
        assert "GenerateSecretString" in stack.properties(name)
        assert "SecretString" not in stack.properties(name)


def test_no_parameter_or_output_carries_a_secret(stack: Stack) -> None:
    suspicious = re.compile(r"password|secret|token|credential", re.IGNORECASE)
    assert not [name for name in stack.parameters if suspicious.search(name)]
    outputs = json.dumps(stack.template["Outputs"])
    assert "resolve:secretsmanager" not in TEMPLATE.read_text()
    references = re.findall(r'"(?:Ref|Fn::Sub|Fn::GetAtt)": "?([^"]*)', outputs)
    assert references.count("HistoryPassword") == 1, "Ref is the secret's name; GetAtt could not be its value"


def test_nothing_in_the_template_looks_like_a_key(stack: Stack) -> None:
    looks = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|(?<![\w/+.:-])[A-Za-z0-9/+]{40}(?![\w/+])")
    assert not [value for value in values(stack.template) if looks.search(value)]


def values(of: Any) -> Iterator[str]:
    """Every text in nested data."""
    if isinstance(of, dict):
        for key, value in of.items():
            yield from (str(key), *values(value))
    elif isinstance(of, list):
        for value in of:
            yield from values(value)
    else:
        yield str(of)


def test_the_outputs_are_addresses_as_they_stand(stack: Stack) -> None:
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


def test_the_addresses_lie_where_the_roles_may_go(stack: Stack) -> None:
    may = allowed(stack, "PlatformRole")
    for output, action in [("I94Lake", "s3:PutObject"), ("I94Raw", "s3:GetObject")]:
        assert f"arn:aws:s3:::{stack.output(output).removeprefix('s3://')}/*" in may[action]
    engine = urlsplit(stack.output("I94Engine"))
    assert parse_qs(engine.query) == {"role": [f"arn:aws:iam::{ACCOUNT}:role/SparkRole"]}
    assert f"/applications/{engine.netloc}" in next(iter(may["emr-serverless:StartSession"]))
