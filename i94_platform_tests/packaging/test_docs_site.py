"""Build the documentation site: it asks no other host, and everything it shows is in its folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from i94_platform.settings import PROJECT

EXTERNAL = re.compile(
    r"""(?:\bsrc|\bsrcset|\bdata)=["']?(?:https?:)?//|<link\b[^>]*href=["']?(?:https?:)?//|url\(["']?(?:https?:)?//"""
)
LOCAL_ASSET = re.compile(
    r"""(?:<(?:script|img)\b[^>]*src|<link\b[^>]*rel="?(?:stylesheet|icon)"?[^>]*href)="([^"#?]+)"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    result = subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    return folder


def test_no_page_or_style_loads_anything_from_another_host(site: Path) -> None:
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(files) > 30
    assert {file.name: found for file in files if (found := EXTERNAL.findall(file.read_text("utf-8")))} == {}


def test_scripts_styles_and_pictures_are_in_the_folder_of_the_site(site: Path) -> None:
    missing = [
        (page.name, asset)
        for page in site.rglob("*.html")
        if page.name != "404.html"  # a server shows it at any depth
        for asset in LOCAL_ASSET.findall(page.read_text("utf-8"))
        if not asset.startswith("data:") and not (page.parent / unquote(asset)).is_file()
    ]
    assert missing == []


def test_every_page_of_the_docs_has_its_place_in_the_site(site: Path) -> None:
    pages = {page.relative_to(PROJECT / "docs").with_suffix(".html") for page in (PROJECT / "docs").rglob("*.md")}
    text = (site / "index.html").read_text("utf-8")
    linked = set(map(Path, re.findall(r'href="([a-z-]+(?:/[a-z0-9-]+)?\.html)"', text))) | {Path("index.html")}
    assert pages - linked == {Path("assets/README.html")}


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://a.example/x.js">',
        "<link rel=stylesheet href=//a.example/x.css>",
        "src: url(https://a/x.woff)",
    ],
)
def test_an_address_of_another_host_is_recognized(text: str) -> None:
    assert EXTERNAL.search(text)
    assert not EXTERNAL.search('<a href="https://a.example">')
