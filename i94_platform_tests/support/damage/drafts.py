"""What the drafts of damaged files have in common, and damages of every kind of text."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from i94_platform_tests.support.damage.model import Reading


class Draft:
    """A file before it is written, which damages change one after the other."""

    random: Random
    reading: Reading

    def refuse(self, reading: Reading = Reading.UNUSABLE) -> None:
        """Say that the file is refused, if nothing before said so."""
        self.reading = max(self.reading, reading)


class TextDraft(Draft):
    """A file of text. Its last damages are those of its bytes."""

    encoding: str
    last: list[Callable[[bytes], bytes]]

    def damage_bytes(self, content: bytes) -> bytes:
        """Apply the last damages."""
        for damage in self.last:
            content = damage(content)
        return content


def use_encoding(draft: TextDraft) -> None:
    draft.encoding = draft.random.choice(("utf-8-sig", "utf-16", "latin-1", "cp1252"))


def insert_nul(draft: TextDraft) -> None:
    def damage(content: bytes) -> bytes:
        place = draft.random.randrange(len(content))
        return content[:place] + b"\0" + content[place:]

    draft.last.append(damage)
    draft.refuse()
