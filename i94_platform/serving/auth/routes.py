"""Routes that open and close browser sessions, and the dependency that guards the other routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer, SecurityScopes
from starlette.responses import RedirectResponse, Response

from i94_platform.serving.auth.sessions import COOKIE
from i94_platform.serving.service import get_service

_key_scheme = HTTPBearer(auto_error=False, scheme_name="key", description="An API key; i94 keys add creates one.")
_session_scheme = APIKeyCookie(name=COOKIE, auto_error=False, scheme_name="session")

router = APIRouter(include_in_schema=False)


async def authorize(
    request: Request,
    required: SecurityScopes,
    _key: Annotated[object, Security(_key_scheme)],
    _session: Annotated[object, Security(_session_scheme)],
) -> None:
    """Check the caller of a request. The two schemes only document it."""
    for scope in required.scopes:
        get_service(request).authenticator.authorize(request, scope)


@router.get("/token")
async def redeem_token(request: Request, token: str = "") -> Response:
    """Exchange the one-time token for a cookie, and redirect to a URL without it."""
    authenticator = get_service(request).authenticator
    cookie = authenticator.sessions.redeem_token(token)
    if cookie is None:
        detail = "The token was used before, or another server printed it."
        raise authenticator.reject(request, "wrong-credentials", detail)
    return _set_cookie(RedirectResponse("/", 303, {"Cache-Control": "no-store"}), cookie, request)


@router.post("/session")
async def open_session(request: Request) -> Response:
    """Exchange a key in a header for a cookie."""
    authenticator = get_service(request).authenticator
    cookie = authenticator.sessions.open(authenticator.authenticate_key(request).id)
    return _set_cookie(Response(status_code=204), cookie, request)


@router.delete("/session")
async def close_session(request: Request) -> Response:
    """Close the session of the cookie."""
    if cookie := request.cookies.get(COOKIE):
        get_service(request).authenticator.sessions.close(cookie)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def _set_cookie(response: Response, cookie: str, request: Request) -> Response:
    response.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return response
