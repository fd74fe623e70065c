"""The releases that the server has, and each of them as one archive."""

# without `from __future__ import annotations`, because FastAPI reads the annotations of the endpoints
import asyncio
import hashlib
from contextlib import ExitStack
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Security
from pydantic import Field
from sqlalchemy import Table
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from i94_platform.contracts import PUBLISHED
from i94_platform.serving.api import models
from i94_platform.serving.api.openapi import NOT_MODIFIED, PROBLEMS, document_etag
from i94_platform.serving.api.parameters import NoParameters, refuse_parameters, require_single
from i94_platform.serving.auth.dependencies import authorize
from i94_platform.serving.content_negotiation import require_json
from i94_platform.serving.data_package import stream_package
from i94_platform.serving.http_caching import caching_headers, is_current, not_modified, send_json
from i94_platform.serving.problems import Problem
from i94_platform.serving.service import get_service

MAX_DOWNLOADS = 2
"""Archives sent at a time, one to a caller: each takes a processor."""

DOWNLOAD_SECONDS = 900.0
"""After these an archive is broken off, so that no slow client keeps others from theirs."""

MEDIA_TYPE = "application/zip"

router = APIRouter(prefix="/api/v1", dependencies=[Depends(document_etag)])


class DownloadParameters(NoParameters):
    """What an archive has."""

    tables: str = Field("", description="Names of tables, separated by commas; all unless given.")
    formulas: Literal["escape", "keep"] = Field("escape", description="As for rows in CSV.")


@router.get(
    "/releases",
    operation_id="list_releases",
    tags=["releases"],
    summary="The releases that the server has, newest first",
    response_model=models.ReleaseList,
    responses={**NOT_MODIFIED, **PROBLEMS},
    dependencies=[Security(authorize, scopes=["read:status"]), Depends(require_json), Depends(refuse_parameters)],
)
async def list_releases(request: Request) -> Response:
    """Return the releases that can be queried and downloaded."""
    service = get_service(request)
    service.require_release()
    releases = [
        models.DownloadableRelease(
            **models.ReleaseSummary.model_validate(release).model_dump(),
            href=f"/api/v1/download/{release.version}.zip",
            tables=[contract.name for contract in PUBLISHED if contract.name in release.tables],
        )
        for release in service.release_store.releases
    ]
    return send_json(request, models.ReleaseList(releases=releases).model_dump_json().encode())


class _ArchiveResponse(StreamingResponse):
    """Sends an archive, and then gives back what it was made from."""

    resources: ExitStack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.resources:
            async with asyncio.timeout(DOWNLOAD_SECONDS):
                await super().__call__(scope, receive, send)


@router.get(
    "/download/{release}.zip",
    operation_id="download_release",
    tags=["releases"],
    summary="A release as one archive: a CSV file for each table, with datapackage.json and csv-metadata.json",
    response_class=Response,
    responses={
        200: {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}},
        **NOT_MODIFIED,
        **PROBLEMS,
    },
    dependencies=[Security(authorize, scopes=["read:marts", "read:dimensions"])],
)
async def download_release(
    request: Request,
    release: Annotated[str, Path(pattern="^(latest|[0-9a-f]{32})$", description="A version, or `latest`.")],
    parameters: Annotated[DownloadParameters, Query()],
) -> Response:
    """Send an archive as the caller may see it, while it is made."""
    require_single(name for name, _ in request.query_params.multi_items())
    service, disclosure, contracts = get_service(request), request.state.disclosure, _find_tables(parameters.tables)
    keeps_formulas = parameters.formulas == "keep"
    with ExitStack() as resources:
        snapshot = resources.enter_context(service.lease("" if release == "latest" else release))
        version = snapshot.release.version
        content = hashlib.sha256(repr(([c.name for c in contracts], keeps_formulas)).encode()).hexdigest()[:24]
        etag = f"{version}-{disclosure.name}-{content}"
        if is_current(request, etag):
            return not_modified(etag)
        headers = caching_headers(etag) | {"Content-Disposition": f'attachment; filename="i94-{version}.zip"'}
        if request.state.is_head:
            return Response(headers=headers, media_type=MEDIA_TYPE)
        resources.enter_context(service.take_download_slot(request.state.caller, MAX_DOWNLOADS))
        archive = stream_package(snapshot, contracts, disclosure, keeps_formulas)
        resources.callback(archive.close)
        response = _ArchiveResponse(archive, headers=headers, media_type=MEDIA_TYPE)
        response.resources = resources.pop_all()
        return response


def _find_tables(text: str) -> tuple[Table, ...]:
    names = [name for name in text.split(",") if name]
    by_name = {contract.name: contract for contract in PUBLISHED}
    if len(set(names)) < len(names) or not by_name.keys() >= set(names):
        raise Problem("invalid-parameter", "tables is names of tables, each once.", parameter="tables")
    return tuple(by_name[name] for name in names) or PUBLISHED
