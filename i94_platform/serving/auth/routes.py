"""Routes that open and close browser sessions."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from i94_platform.serving.auth.sessions import COOKIE
from i94_platform.serving.service import get_service

router = APIRouter(include_in_schema=False)


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
