"""The CloudFormation template as data, with each reference resolved to a sample value.

The module knows only the functions of CloudFormation that the template uses; cfn-lint checks the template's syntax.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

from cfnlint.decode.cfn_yaml import load

from i94_platform.settings import PROJECT
from i94_platform_tests.support.iam import Statement

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


class Stack:
    """The template with the defaults of its parameters, apart from the given ones."""

    def __init__(self, **parameters: str) -> None:
        self.template: dict[str, Any] = load(str(TEMPLATE))
        self.parameters: dict[str, Any] = self.template["Parameters"]
        self._values = parameters
        self.resources: dict[str, Any] = {
            name: resource
            for name, resource in self.template["Resources"].items()
            if self._is_true(resource.get("Condition", ""))
        }

    def _is_true(self, condition: str) -> bool:
        if not condition:
            return True
        left, right = self.resolve(self.template["Conditions"][condition]["Fn::Equals"])
        return bool(left == right)

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
        """Return every statement of the policies; one for roles once for each of them."""
        return [statement for name in self.resources for statement in self._statements(name)]

    def _statements(self, name: str) -> Iterator[Statement]:
        properties = self.properties(name)
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties[key] for key in ("PolicyDocument", "KeyPolicy") if key in properties]
        owners = properties.get("Roles") or [properties.get("RoleName") or name]
        for owner, statement in product(owners, (one for document in documents for one in document["Statement"])):
            yield Statement(
                owner,
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
                result = re.sub(
                    r"\$\{([\w.:]+)\}", lambda match: str(self._resolve_name(match[1])), text.strip()
                ).replace("${!", "${")
            case {"Fn::If": [condition, first, second]}:
                result = self.resolve(first if self._is_true(condition) else second)
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
            return self._values.get(name) or self.parameters[name].get("Default", f"a-{name}")
        resource = name.partition(".")[0]
        assert resource in self.resources, f"{name} is neither a parameter nor a resource"
        is_role_arn = self.resources[resource]["Type"] == "AWS::IAM::Role" and name.endswith(".Arn")
        return f"arn:aws:iam::{ACCOUNT}:role/{resource}" if is_role_arn else name


def _as_list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
