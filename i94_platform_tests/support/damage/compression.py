"""Compressed deliveries, and what goes wrong with them."""

from __future__ import annotations

import gzip
import io
import zipfile
from random import Random

from i94_platform_tests.support.damage.model import Reading


def compress(name: str, content: bytes, random: Random) -> tuple[str, bytes]:
    """Compress a file; return its new name and content."""
    if random.random() < 0.5:
        return f"{name}.gz", gzip.compress(content, mtime=0)
    return f"{name}.zip", zip_files({name: content})


def zip_files(files: dict[str, bytes]) -> bytes:
    """Make a zip file that is the same for the same files."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def damage_compressed(name: str, content: bytes, random: Random) -> tuple[str, bytes, Reading]:
    """Compress a file so that it can't be decompressed, or holds what nobody can choose from."""
    compressed_name, compressed = compress(name, content, random)
    match random.choice(("cut", "overwritten", "not compressed", "two members", "empty")):
        case "cut":
            return compressed_name, compressed[: random.randrange(3, len(compressed))], Reading.UNUSABLE
        case "overwritten":
            # a checksum finds what the decompression does not
            place = random.randrange(60, len(compressed) // 2)
            damaged = compressed[:place] + bytes(byte ^ 0x55 for byte in compressed[place : place + 8])
            return compressed_name, damaged + compressed[place + 8 :], Reading.UNUSABLE
        case "not compressed":
            return compressed_name, content, Reading.UNUSABLE
        case "two members":
            return f"{name}.zip", zip_files({name: content, f"copy of {name}": content}), Reading.UNUSABLE
        case _:
            return compressed_name, b"", Reading.UNUSABLE
