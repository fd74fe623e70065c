"""Whom the server lets in from which address."""

from __future__ import annotations

from pathlib import Path

import pytest

from i94_platform.errors import PermanentError
from i94_platform.serving.server import configure_server, open_key_store
from i94_platform.settings import Settings


def test_without_a_key_the_server_listens_on_this_machine_only(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    for host in ("0.0.0.0", "192.168.1.5", "example.org", "::"):
        with pytest.raises(PermanentError, match=f"{host}.*i94 keys add"):
            configure_server(settings, host, 8094)
    assert all(configure_server(settings, host, 8094)[1] for host in ("127.0.0.1", "localhost", "::1"))
    key, _ = open_key_store(settings).add("a", ["read:marts"])
    assert configure_server(settings, "0.0.0.0", 8094)[1] == "", "with a key there is no token"
    open_key_store(settings).revoke(key.id)
    with pytest.raises(PermanentError, match="i94 keys add"):
        configure_server(settings, "0.0.0.0", 8094)
