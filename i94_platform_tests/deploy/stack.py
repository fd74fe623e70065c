"""The CloudFormation template as data: parsed, with references resolved to values that tell what they stand for.

Here: the little of CloudFormation's functions that the template uses. Not here: what the template must hold to
(`test_stack`), and whether CloudFormation would take it (cfn-lint).
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
_PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "i94-test",
}
_KNOWN = {
    "Bucket": "i94-test-bucket",
    "Bucket.Arn": "arn:aws:s3:::i94-test-bucket",
    "Spark": "00application",
    "Spark.Arn": f"arn:aws:emr-serverless:{REGION}:{ACCOUNT}:/applications/00application",
    "Workgroup.Workgroup.Endpoint.Address": f"i94-test.{ACCOUNT}.{REGION}.redshift-serverless.amazonaws.com",
}
"""What AWS would give these, as far as a test looks at its form."""


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, references resolved."""

    of: str
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
        """A resource's properties, references resolved."""
        return self.resolved(self.resources[name]["Properties"])

    def output(self, name: str) -> str:
        """The value of an output."""
        return str(self.resolved(self.template["Outputs"][name]["Value"]))

    def of_type(self, kind: str) -> list[str]:
        """The names of all resources of a type."""
        return [name for name, resource in self.resources.items() if resource["Type"] == kind]

    def statements(self) -> list[Statement]:
        """Every statement that says who may do what: policies of roles, of the bucket and of the key."""
        return [statement for name in self.resources for statement in self._statements(name)]

    def _statements(self, name: str) -> Iterator[Statement]:
        properties = self.properties(name)
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties[key] for key in ("PolicyDocument", "KeyPolicy") if key in properties]
        for statement in (one for document in documents for one in document["Statement"]):
            yield Statement(
                name,
                statement.get("Sid", ""),
                statement["Effect"],
                tuple(_listed(statement["Action"])),
                tuple(_listed(statement["Resource"])),
                statement.get("Principal"),
                statement.get("Condition", {}),
            )

    def resolved(self, value: Any) -> Any:
        """A value with its references replaced."""
        match value:
            case list():
                found: Any = [self.resolved(one) for one in value]
            case {"Ref": name} | {"Fn::GetAtt": str(name)}:
                found = self._named(name)
            case {"Fn::GetAtt": parts}:
                found = self._named(".".join(parts))
            case {"Fn::Sub": text}:
                found = re.sub(r"\$\{([\w.:]+)\}", lambda match: str(self._named(match[1])), text.strip())
            case {"Fn::FindInMap": [first, second, third]}:
                found = self.template["Mappings"][first][self.resolved(second)][third]
            case dict():
                found = {key: self.resolved(one) for key, one in value.items()}
            case _:
                found = value
        return found

    def _named(self, name: str) -> Any:
        if name in _PSEUDO or name in _KNOWN:
            return _PSEUDO.get(name) or _KNOWN[name]
        if name in self.parameters:
            return self.parameters[name].get("Default", f"a-{name}")
        resource = name.partition(".")[0]
        assert resource in self.resources, f"{name} is neither a parameter nor a resource"
        role = self.resources[resource]["Type"] == "AWS::IAM::Role" and name.endswith(".Arn")
        return f"arn:aws:iam::{ACCOUNT}:role/{resource}" if role else name


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
