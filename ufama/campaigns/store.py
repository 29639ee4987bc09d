"""The store on disk that never trains a finished run again."""

import contextlib
import json
import os
from pathlib import Path

import pandas as pd

from ufama.campaigns.results import TABLES, RunRecord
from ufama.storage import temporary_beside, workspace


class StoreError(RuntimeError):
    """The store cannot be read or written; the message names the path and how to mend it."""


def store_error(folder: Path, error: OSError) -> StoreError:
    """The error of a store whose folder is full, read-only or no folder."""
    return StoreError(
        f"cannot write below {folder}: {error.strerror or error}. Free some space or point UFAMA_WORKSPACE at a folder "
        "that can be written; finished runs are kept."
    )


class RunStore:
    """Records in a folder, one folder per run, named by digest; written aside and renamed when whole.

    Raises StoreError when the folder cannot be made or written.
    """

    def __init__(self, folder: Path | None = None):
        self.folder = Path(folder) if folder else workspace() / "runs"

    @property
    def unfinished(self) -> Path:
        """The folder of the checkpoints of stacks in training (`ufama.campaigns.checkpoints`)."""
        return self.folder / ".unfinished"

    def has(self, digest: str) -> bool:
        return (self.folder / digest / "about.json").is_file()

    def digests(self) -> list[str]:
        """Of all finished runs, in alphabetical order."""
        homes = (path.parent.name for path in self.folder.glob("*/about.json"))
        return sorted(name for name in homes if not name.startswith("."))

    def save(self, record: RunRecord) -> None:
        """Write a record; a reader sees all of it or nothing. A record that is already there is left as it is."""
        if self.has(record.digest):
            return
        home = self.folder / record.digest
        try:
            with temporary_beside(home) as temporary:
                temporary.mkdir()
                for name in TABLES:
                    getattr(record, name).to_parquet(temporary / f"{name}.parquet", index=False, compression="zstd")
                (temporary / "about.json").write_text(json.dumps(record.metadata, indent=1))
                with contextlib.suppress(FileExistsError):
                    self._rename(temporary, home)
        except OSError as error:
            raise store_error(self.folder, error) from error

    @staticmethod
    def _rename(temporary: Path, home: Path) -> None:
        try:
            os.rename(temporary, home)
        except OSError:
            if not (home / "about.json").is_file():  # else another process was first
                raise

    def load(self, digest: str) -> RunRecord:
        """The record of a finished run. Raises StoreError for one that is absent or damaged."""
        home = self.folder / digest
        try:
            metadata = json.loads((home / "about.json").read_text())
            tables = {name: pd.read_parquet(home / f"{name}.parquet") for name in TABLES}
        except (OSError, ValueError) as error:
            raise StoreError(
                f"the record {home} cannot be read ({error}). Remove that folder to train it again."
            ) from error
        return RunRecord(metadata=metadata, **tables)
