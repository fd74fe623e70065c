"""Content negotiation: the format that the `Accept` header of a request prefers."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request

from i94_platform.serving.problems import Problem


def negotiate_format(accept: str, media_types: Mapping[str, str]) -> str:
    """Return the name of the media type that a client prefers; empty if it accepts none.

    Args:
        accept: the header; empty accepts everything.
        media_types: the media types by name, the preferred one first.
    """
    ranges = [_parse_range(part) for part in accept.split(",") if part.strip()] or [("*/*", 1.0)]
    weights = {name: _find_weight(media_type.partition(";")[0], ranges) for name, media_type in media_types.items()}
    best = max(weights, key=lambda name: weights[name])
    return best if weights[best] else ""


def require_json(request: Request) -> None:
    """Refuse a client that does not accept JSON.

    Raises:
        Problem: it does not.
    """
    if not negotiate_format(request.headers.get("accept", ""), {"json": "application/json"}):
        raise Problem("not-acceptable", "The format is application/json.")


def _parse_range(part: str) -> tuple[str, float]:
    media_range, *parameters = (text.strip().lower() for text in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return media_range, float(value)
            except ValueError:
                return media_range, 0.0
    return media_range, 1.0


def _find_weight(media_type: str, ranges: list[tuple[str, float]]) -> float:
    """Return the weight of the most specific range that has a media type."""
    by_range = dict(ranges)
    for pattern in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if pattern in by_range:
            return by_range[pattern]
    return 0.0
