"""A process that passes connections on to a server of this machine, and that a test kills in its place.

So ends a service whose data outlives the failure, such as S3: every connection breaks, and new ones are refused until
the process is started again. Run as a program, this module is that process.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys

from i94_platform_tests.support.processes import find_free_port


class Endpoint:
    """The address at which clients reach a server, as long as the context."""

    def __init__(self, target: str) -> None:
        """`target` is the server's own URL."""
        self._target, self._port = target.rpartition(":")[2], str(find_free_port())
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL for clients."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Endpoint:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = [sys.executable, "-m", __name__, self._port, self._target]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), "it has ended before it listened"

    def kill(self) -> None:
        """Kill it, with every connection."""
        assert self._process is not None
        self._process.kill()
        self._process.communicate()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while content := await reader.read(1 << 16):
            writer.write(content)
            await writer.drain()
    writer.close()


async def _serve(port: int, target: int) -> None:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(_pass_on(reader, server_writer), _pass_on(server_reader, writer))

    async with await asyncio.start_server(connect, "127.0.0.1", port) as server:
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        task = asyncio.ensure_future(server.serve_forever())
        await asyncio.to_thread(sys.stdin.read)  # the end of the tests, in whatever way
        task.cancel()


if __name__ == "__main__":
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
