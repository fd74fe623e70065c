"""The CloudFormation template as data, with each reference resolved to a sample value.

The module knows only the functions of CloudFormation that the template uses; cfn-lint checks the template's syntax.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cfnlint.decode.cfn_yaml import load

from i94_platform.settings import PROJECT

TEMPLATE = PROJECT / "deploy" / "cloudformation.yaml"

ACCOUNT, REGION = "123456789012", "us-west-2"
_PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "i94-test",
}
_SAMPLE_VALUES = {
    "Bucket": "i94-test-bucket",
    "Bucket.Arn": "arn:aws:s3:::i94-test-bucket",
    "Spark": "00application",
    "Spark.Arn": f"arn:aws:emr-serverless:{REGION}:{ACCOUNT}:/applications/00application",
    "Workgroup.Workgroup.Endpoint.Address": f"i94-test.{ACCOUNT}.{REGION}.redshift-serverless.amazonaws.com",
}
"""Sample values of references whose form a test checks."""


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, with references resolved."""

    owner: str
    """The resource that carries the policy."""
    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principal: Any
    condition: Mapping[str, Any]


class Stack:
    """The template with the defaults of its parameters."""

    def __init__(self) -> None:
        self.template: dict[str, Any] = load(str(TEMPLATE))
        self.parameters: dict[str, Any] = self.template["Parameters"]
        self.resources: dict[str, Any] = self.template["Resources"]

    def properties(self, name: str) -> Any:
        """Return the properties of a resource, with references resolved."""
        return self.resolve(self.resources[name]["Properties"])

    def output(self, name: str) -> str:
        """Return the value of an output."""
        return str(self.resolve(self.template["Outputs"][name]["Value"]))

    def names_of_type(self, resource_type: str) -> list[str]:
        """Return the names of all resources of a type."""
        return [name for name, resource in self.resources.items() if resource["Type"] == resource_type]

    def statements(self) -> list[Statement]:
        """Return every statement of the policies of the roles, the bucket and the key."""
        return [statement for name in self.resources for statement in self._statements(name)]

    def _statements(self, name: str) -> Iterator[Statement]:
        properties = self.properties(name)
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties[key] for key in ("PolicyDocument", "KeyPolicy") if key in properties]
        for statement in (statement for document in documents for statement in document["Statement"]):
            yield Statement(
                name,
                statement.get("Sid", ""),
                statement["Effect"],
                tuple(_as_list(statement["Action"])),
                tuple(_as_list(statement["Resource"])),
                statement.get("Principal"),
                statement.get("Condition", {}),
            )

    def resolve(self, value: Any) -> Any:
        """Replace the references in a value."""
        match value:
            case list():
                result: Any = [self.resolve(item) for item in value]
            case {"Ref": name} | {"Fn::GetAtt": str(name)}:
                result = self._resolve_name(name)
            case {"Fn::GetAtt": parts}:
                result = self._resolve_name(".".join(parts))
            case {"Fn::Sub": text}:
                result = re.sub(r"\$\{([\w.:]+)\}", lambda match: str(self._resolve_name(match[1])), text.strip())
            case {"Fn::FindInMap": [first, second, third]}:
                result = self.template["Mappings"][first][self.resolve(second)][third]
            case dict():
                result = {key: self.resolve(item) for key, item in value.items()}
            case _:
                result = value
        return result

    def _resolve_name(self, name: str) -> Any:
        if name in _PSEUDO_PARAMETERS or name in _SAMPLE_VALUES:
            return _PSEUDO_PARAMETERS.get(name) or _SAMPLE_VALUES[name]
        if name in self.parameters:
            return self.parameters[name].get("Default", f"a-{name}")
        resource = name.partition(".")[0]
        assert resource in self.resources, f"{name} is neither a parameter nor a resource"
        is_role_arn = self.resources[resource]["Type"] == "AWS::IAM::Role" and name.endswith(".Arn")
        return f"arn:aws:iam::{ACCOUNT}:role/{resource}" if is_role_arn else name


def _as_list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
