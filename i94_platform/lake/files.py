"""Files by full address, as a program that reads and writes local files only can use them.

Here: the interface, for addresses that are local. Not here: copies of objects (`s3`).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class Files:
    """Local files, used where they lie."""

    def local(self, urls: Iterable[str]) -> dict[str, str]:
        """The local path of each address, readable until `forget`."""
        return {url: url for url in urls}

    def open(self, url: str) -> BinaryIO:
        """A file for reading where it lies; FileNotFoundError where there is none."""
        return Path(url).open("rb")

    @contextmanager
    def writing(self, folder: str) -> Iterator[Path]:
        """An empty local folder; what is in it at the end is below the address `folder`, which must be new."""
        Path(folder).mkdir(parents=True)
        yield Path(folder)

    def forget(self) -> None:
        """Remove what was made locally only to be read."""
