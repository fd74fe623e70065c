"""Routes that open and close browser sessions."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from i94_platform.serving.auth.sessions import SECURE_COOKIE
from i94_platform.serving.problems import Problem
from i94_platform.serving.service import get_service

router = APIRouter(include_in_schema=False)


@router.get("/token")
async def redeem_token(request: Request, token: str = "") -> Response:
    """Exchange the one-time token for a cookie, and redirect to a URL without it."""
    if request.state.is_head:  # programs that preview links send it
        return Problem("method-not-allowed", "A token is redeemed by GET.").to_response({"Allow": "GET"})
    cookie = get_service(request).authenticator.sessions.redeem_token(token)
    if cookie is None:
        detail = "The token was used before, is older than ten minutes, or another server printed it."
        raise Problem("wrong-credentials", detail)
    return _set_cookie(RedirectResponse("/", 303, {"Cache-Control": "no-store"}), cookie, request)


@router.post("/session")
async def open_session(request: Request) -> Response:
    """Exchange a key in a header for a cookie."""
    cookie = get_service(request).authenticator.open_session(request)
    return _set_cookie(Response(status_code=204), cookie, request)


@router.delete("/session")
async def close_session(request: Request) -> Response:
    """Close the session of the cookie."""
    authenticator = get_service(request).authenticator
    if cookie := request.cookies.get(authenticator.cookie_name):
        authenticator.sessions.close(cookie)
    return _set_cookie(Response(status_code=204), "", request)


def _set_cookie(response: Response, cookie: str, request: Request) -> Response:
    """Set the session's cookie; an empty one deletes it."""
    name, max_age = get_service(request).authenticator.cookie_name, None if cookie else 0
    response.set_cookie(name, cookie, max_age, httponly=True, samesite="strict", secure=name == SECURE_COOKIE)
    return response
