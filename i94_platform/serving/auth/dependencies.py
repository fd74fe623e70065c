"""The dependency that guards routes. Its two schemes document how to authenticate."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer, SecurityScopes

from i94_platform.serving.auth.sessions import COOKIE
from i94_platform.serving.service import get_service

_key_scheme = HTTPBearer(auto_error=False, scheme_name="key", description="An API key; i94 keys add creates one.")
_session_scheme = APIKeyCookie(name=COOKIE, auto_error=False, scheme_name="session")


async def authorize(
    request: Request,
    required: SecurityScopes,
    _key: Annotated[object, Security(_key_scheme)],
    _session: Annotated[object, Security(_session_scheme)],
) -> None:
    """Check the caller of a request. The two schemes only document it."""
    for scope in required.scopes:
        get_service(request).authenticator.authorize(request, scope)
