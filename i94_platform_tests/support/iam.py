"""Evaluates IAM policies: whether statements allow a request. It knows the operators of conditions that we use.

moto's own evaluation ignores every condition but StringEquals, and takes a condition that does not hold for a denial.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, with references resolved."""

    owner: str
    """The role, or the resource that carries the policy."""
    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principal: Any = None
    condition: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """What somebody wants to do: the action, the resource, and what conditions may ask about it."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict, hash=False)


def is_allowed(statements: Iterable[Statement], request: Request) -> bool:
    """Whether a statement allows the request and none denies it."""
    effects = {statement.effect for statement in statements if is_about(statement, request)}
    return effects == {"Allow"}


def is_about(statement: Statement, request: Request) -> bool:
    """Whether a statement covers the request: its action, its resource and its conditions."""
    return (
        any(_matches(action.lower(), request.action.lower()) for action in statement.actions)
        and any(_matches(resource, request.resource) for resource in statement.resources)
        and all(
            _holds(operator, wanted, request.context.get(key))
            for operator, conditions in statement.condition.items()
            for key, wanted in conditions.items()
        )
    )


def _holds(operator: str, wanted: str | list[str], value: str | None) -> bool:
    """Whether a condition holds; without a value only one that ends in IfExists does."""
    if value is None:
        return operator.endswith("IfExists")
    values = [wanted] if isinstance(wanted, str) else wanted
    match operator.removesuffix("IfExists"):
        case "StringEquals" | "Bool":
            return value in values
        case "StringLike" | "ArnLike" | "ArnEquals":
            return any(_matches(pattern, value) for pattern in values)
    raise NotImplementedError(f"The evaluation knows no {operator}")


def _matches(pattern: str, text: str) -> bool:
    """Whether a text matches a pattern with * and ?; a variable stands for any text."""
    parts = re.split(r"(\*|\?|\$\{[^}]*\})", pattern)
    joined = "".join({"*": ".*", "?": "."}.get(p, ".*" if p.startswith("${") else re.escape(p)) for p in parts)
    return re.fullmatch(joined, text, re.DOTALL) is not None
