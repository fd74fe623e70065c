"""The pages about the web API: the documentation works offline under the policy, and every problem has a page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from i94_platform.serving import api_docs
from i94_platform.serving.problems import KINDS
from i94_platform_tests.serving.live_server import LiveServer
from i94_platform_tests.serving.requests import assert_problem


def test_the_documentation_shows_every_operation_without_the_network(
    chromium: Browser, shared_server: LiveServer
) -> None:
    page = chromium.new_page()
    urls, messages = list[str](), list[str]()
    page.on("request", lambda request: None if request.url.startswith(shared_server.url) else urls.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(f"{shared_server.url}/docs")
    page.get_by_text("/api/v1/query/{table}").wait_for()
    page.get_by_text("/api/v1/marts/arrivals_cube").wait_for()
    page.get_by_text("visitors_by_airline_row").first.scroll_into_view_if_needed()
    page.get_by_text("/api/v1/query/{table}").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").wait_for()
    page.close()
    assert [url for url in urls if not url.startswith((shared_server.url, "data:"))] == []
    assert messages == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_type_of_a_problem_leads_to_a_page(shared_server: LiveServer, kind: str) -> None:
    with shared_server.client("") as nobody:
        page = nobody.get(f"/problems/{kind}")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert KINDS[kind].title in page.text
        assert f"/problems/{kind}<" in nobody.get("/problems").text
        assert nobody.get(f"/problems/{kind}", headers={"If-None-Match": page.headers["etag"]}).status_code == 304


def test_other_pages_are_not_found(shared_server: LiveServer) -> None:
    assert_problem(shared_server.get("/problems/nothing"), 404, "not-found")


def test_vendored_files_are_listed_with_version_and_licence() -> None:
    folder = Path(api_docs.__file__).parent / "static"
    listed = (folder / "README.md").read_text("utf-8")
    unlisted = [
        p.name
        for p in folder.iterdir()
        if p.name not in ("README.md", "start.css", "start.js") and p.name not in listed
    ]
    assert unlisted == []
