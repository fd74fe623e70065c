"""The name of a dataset, and where its files are in the lake."""

from __future__ import annotations

from dataclasses import dataclass

MANIFEST_NAME = "manifest.json"
"""The file in a dataset's folder that says what is committed."""


@dataclass(frozen=True)
class Dataset:
    """The name of a dataset, `layer/name`, and its month if it is partitioned."""

    name: str
    partition: str = ""

    @property
    def folder(self) -> str:
        """Its folder in the lake, such as `staged/immigration/month=2016-04`."""
        return f"{self.name}/month={self.partition}" if self.partition else self.name

    @property
    def manifest_path(self) -> str:
        """The path of its manifest in the lake."""
        return f"{self.folder}/{MANIFEST_NAME}"

    @property
    def blocked_path(self) -> str:
        """The path of the manifest of files that the gate keeps from replacing the dataset."""
        return f"{self.folder}/blocked.json"

    def run_folder(self, run_id: str) -> str:
        """The folder in the lake that one run writes into."""
        return f"{self.folder}/run={run_id}"

    @property
    def repair_command(self) -> str:
        """The command that writes the dataset anew."""
        return f"i94 run --month {self.partition}" if self.partition else f"i94 run --select {self.name}"

    def __str__(self) -> str:
        return f"{self.name} {self.partition}".strip()
