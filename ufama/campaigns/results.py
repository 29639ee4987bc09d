"""Records of finished runs: the store that keeps them, their results as tables, and what is published of them."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock

from ufama.config import ConfigError
from ufama.errors import UserError
from ufama.outputs import FolderOutput
from ufama.storage import PathError, check_writable, expanded, project_root, reported, temporary_beside, workspace

TABLES = ("history", "predictions", "embeddings")
JSON_COLUMNS = ("config", "training", "data_card", "versions")

_FACTS = (
    *("digest", "method", "preset", "variant", "dataset", "protocol", "fold", "subject", "session", "seed", "scale"),
    *("simulated", "data_title", "class_names", "target_windows", "epochs"),
)
_COLUMNS = {
    "history": ("epoch",),
    "predictions": ("rule", "epoch", "subject", "session", "trial", "window", "label", "fusion_0"),
}
"""What every table of results needs of a record; later versions may add, and earlier ones may lack, other things."""


def _publication(command: str, key: str, *former_names: str) -> FolderOutput:
    """Published results of a command, which its earlier provenance tells by a key."""
    files = tuple(f"{name}.parquet" for name in ("runs", *TABLES))
    earlier = frozenset({"runs", "core_hours", key})
    return FolderOutput(command, earlier, files, note="provenance.json", former_names=former_names)


CAMPAIGN = _publication("ufama campaign", "kept")
ADAPTATION = _publication("ufama evaluate", "protocol", "ufama adapt")
"""The folders that these commands publish their results in, and write over."""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What is kept of one training."""

    metadata: dict  # flat JSON-able facts: configuration, fold, seed, data card, versions, device, wall time
    history: pd.DataFrame  # one row per epoch: every loss term and weight, screening counts, accuracies
    predictions: pd.DataFrame  # one row per rule and target window: coordinates, label, probabilities of each branch
    embeddings: pd.DataFrame  # fused features of up to 200 source and 200 target windows at the last epoch

    @property
    def digest(self) -> str:
        return self.metadata["digest"]


@dataclass(frozen=True)
class Results:
    """Records of many runs as four tables, each with a column ``digest``; embeddings where they were kept."""

    runs: pd.DataFrame
    history: pd.DataFrame
    predictions: pd.DataFrame
    embeddings: pd.DataFrame

    @classmethod
    def of(cls, records: Iterable[RunRecord]) -> "Results":
        """The tables of the given records, in their order."""
        records = list(records)
        tables = {name: [getattr(record, name).assign(digest=record.digest) for record in records] for name in TABLES}
        joined = {name: pd.concat(some, ignore_index=True) for name, some in tables.items()}
        return cls(runs=pd.DataFrame([record.metadata for record in records]), **joined)

    @classmethod
    def concat(cls, parts: Iterable["Results"]) -> "Results":
        """All runs of the parts, in their order."""
        parts = list(parts)
        return cls(
            **{
                name: pd.concat([getattr(part, name) for part in parts], ignore_index=True)
                for name in ("runs", *TABLES)
            }
        )

    def select(self, digests: Sequence[str] | pd.Series) -> "Results":
        """The runs with these digests, in this order."""
        digests = list(digests)
        order = pd.Series(range(len(digests)), index=digests)

        def cut(table: pd.DataFrame) -> pd.DataFrame:
            kept = table[table.digest.isin(order.index)]
            return kept.iloc[np.argsort(order[kept.digest].to_numpy(), kind="stable")].reset_index(drop=True)

        def without_empty_columns(table: pd.DataFrame) -> pd.DataFrame:
            """Data sets with more classes or wider features leave empty columns beside the others' values."""
            return table.dropna(axis="columns", how="all") if len(table) else table

        return Results(
            runs=cut(self.runs),
            history=cut(self.history),
            predictions=without_empty_columns(cut(self.predictions)),
            embeddings=without_empty_columns(cut(self.embeddings)),
        )


def published_folder() -> Path | None:
    """The project's ``results/``, whose records the book's pages read; None outside a checkout."""
    root = project_root()
    return root / "results" if root else None


def published_digests() -> dict[Path, frozenset[str]]:
    """The published results that answer before anything is trained: each folder with the digests it holds.

    ``UFAMA_PUBLISHED=none`` leaves them out: then everything is computed by this machine.
    """
    wanted = os.environ.get("UFAMA_PUBLISHED")
    if wanted not in (None, "none"):
        raise ConfigError(f"the environment variable UFAMA_PUBLISHED is {wanted!r}: expected none, or leave it unset.")
    folder = published_folder()
    if wanted or folder is None or not folder.is_dir():
        return {}
    return {home: _digests(home) for home in sorted(folder.iterdir()) if (home / "runs.parquet").is_file()}


@lru_cache(maxsize=32)
def _digests(home: Path) -> frozenset[str]:
    return frozenset(published_runs(home, ["digest"]).digest)


def published_runs(folder: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """What `publish` wrote of the runs of one folder, entries of `JSON_COLUMNS` as JSON; ``columns`` None: everything.

    Raises StoreError for a folder that is damaged.
    """
    with _published_in(folder):
        return pd.read_parquet(folder / "runs.parquet", columns=columns)


def read_published(folder: str | Path) -> Results:
    """The published results of one folder, as `publish` wrote them. Raises StoreError for a folder that is damaged."""
    folder = expanded(folder)
    with _published_in(folder):
        tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in ("runs", *TABLES)}
        for column in JSON_COLUMNS:
            tables["runs"][column] = tables["runs"][column].map(json.loads)
        for name in ("history", "predictions"):
            if missing := set(tables["runs"].digest) - set(tables[name].digest):
                raise ValueError(f"{name}.parquet has no rows of run {min(missing)}")
    return Results(**tables)


@contextmanager
def _published_in(folder: Path) -> Iterator[None]:
    """Turn what a damaged folder of published results raises into a StoreError."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"column {error} is missing" if isinstance(error, KeyError) else error
        raise StoreError(
            f"the published results in {folder} cannot be read ({reason}). Expected runs.parquet, history.parquet, "
            "predictions.parquet and embeddings.parquet as they were written: restore them, or move the folder away."
        ) from error


def publish(
    results: Results,
    folder: str | Path,
    *,
    embeddings_of: Iterable[str],
    provenance: dict,
    fusion_only: bool = False,
    output: FolderOutput = CAMPAIGN,
) -> None:
    """Write results as a few small Parquet files with their provenance; whole or not at all.

    Parameters
    ----------
    results
        to be written
    folder
        new, empty, or one whose present content ``output`` wrote: that is replaced
    embeddings_of
        digests whose embeddings are kept (the rest are dropped: they are large and no page shows them)
    provenance
        how the results were made, for ``provenance.json``
    fusion_only
        keep the fusion branch's predictions alone, to four decimals
    output
        of the command that publishes

    Raises
    ------
    PathError
        where the folder holds anything else, or cannot be written; then nothing has changed
    """
    runs = results.runs.copy()
    for column in runs.columns.intersection(JSON_COLUMNS):
        runs[column] = runs[column].map(json.dumps)
    predictions = results.predictions
    if fusion_only:
        columns = [name for name in predictions if not name.startswith(("eeg_", "eye_"))]
        predictions = predictions[columns].round({name: 4 for name in columns if name.startswith("fusion_")})
    embeddings = results.embeddings[results.embeddings.digest.isin(list(embeddings_of))]
    tables = {"runs": runs, "history": results.history, "predictions": predictions, "embeddings": embeddings}

    def fill(building: Path) -> dict:
        _write_tables(building, tables, compression_level=19)
        return provenance

    output.write(folder, fill)


@contextmanager
def beside_published(results: Results, folder: Path) -> Iterator[Results]:
    """What is published in ``folder`` and, of ``results``, the runs that are not there, to be published there.

    While this context is open, no other process of this workspace is in it. Raises StoreError for a folder that is
    damaged.
    """
    lock = workspace() / "publishing.lock"
    with reported(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        if not (folder / "runs.parquet").is_file():
            yield results
            return
        before = read_published(folder)
        is_new = ~results.runs.digest.isin(before.runs.digest)
        yield Results.concat([before, results.select(results.runs.digest[is_new])]) if is_new.any() else before


def _write_tables(folder: Path, tables: dict[str, pd.DataFrame], **compression: Any) -> None:
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False, compression="zstd", **compression)


def run_provenance(runs: pd.DataFrame) -> dict:
    """What every provenance has of its runs: their scale, presets, seeds, devices, versions and core-hours."""
    columns = runs.rename(columns={"seed": "seeds"}).assign(commit=runs.commit.fillna("unknown"))
    names = ("scale", "preset", "seeds", "device", "commit", "torch")
    return {name: sorted(columns[name].unique().tolist()) for name in names} | {
        "core_hours": round(float((runs.wall_seconds * runs.threads).sum()) / 3600, 3)
    }


class StoreError(UserError, RuntimeError):
    """A record cannot be read; the message names it and how to mend it."""


class RunStore:
    """Records in a folder, one folder per run, named by digest; written aside and renamed when whole.

    Raises PathError when the folder cannot be made or written.
    """

    def __init__(self, folder: str | Path | None = None):
        self.folder = expanded(folder) if folder else workspace() / "runs"

    @property
    def unfinished(self) -> Path:
        """The folder of the checkpoints of stacks in training (`ufama.campaigns.checkpoints`)."""
        return self.folder / ".unfinished"

    def check(self) -> None:
        """Raise PathError where no record can be written."""
        check_writable(self.folder)

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
                _write_tables(temporary, {name: getattr(record, name) for name in TABLES})
                (temporary / "about.json").write_text(json.dumps(record.metadata, indent=1))
                os.rename(temporary, home)
        except PathError:
            if not self.has(record.digest):  # else another process was first
                raise

    def load(self, digest: str) -> RunRecord:
        """The record of a finished run. Raises StoreError for one that is absent or damaged."""
        home = self.folder / digest
        try:
            metadata = json.loads((home / "about.json").read_text())
            tables = {name: pd.read_parquet(home / f"{name}.parquet") for name in TABLES}
            _check_whole(digest, metadata, tables)
        except (OSError, ValueError) as error:
            raise StoreError(
                f"the record {home} cannot be read ({error}). Remove that folder to train it again."
            ) from error
        return RunRecord(metadata=metadata, **tables)


def _check_whole(digest: str, metadata: Any, tables: dict[str, pd.DataFrame]) -> None:
    """Raise ValueError for what is no record of this run, or lacks a part of one."""
    if not isinstance(metadata, dict) or metadata.get("digest") != digest:
        raise ValueError(f"about.json does not describe run {digest}")
    if missing := [name for name in _FACTS if name not in metadata]:
        raise ValueError(f"about.json lacks {', '.join(missing)}")
    for name, columns in _COLUMNS.items():
        if missing := [column for column in columns if column not in tables[name]]:
            raise ValueError(f"{name}.parquet lacks {', '.join(missing)}")
    if len(tables["history"]) != metadata["epochs"]:
        raise ValueError(f"history.parquet has {len(tables['history'])} rows for {metadata['epochs']} epochs")
    rows = tables["predictions"].groupby("rule").size()
    if not len(rows) or (rows != metadata["target_windows"]).any():
        raise ValueError(f"predictions.parquet does not have {metadata['target_windows']} rows for every rule")
