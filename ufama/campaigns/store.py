"""One training's record, and the store on disk that never trains a finished run again."""

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ufama.storage import project_root, workspace


class StoreError(RuntimeError):
    """The store cannot be read or written; the message names the path and how to mend it."""


def store_error(folder: Path, error: OSError) -> StoreError:
    """The error of a store whose folder is full, read-only or no folder."""
    return StoreError(
        f"cannot write below {folder}: {error.strerror or error}. Free some space or point UFAMA_WORKSPACE at a folder "
        "that can be written; finished runs are kept."
    )


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What is kept of one training.

    about        flat JSON-able facts: configuration, fold, seed, data card, versions, device, wall time
    history      one row per epoch: every loss term and weight, screening counts, accuracies
    predictions  one row per selection rule and target window: coordinates, label, probabilities of each branch
    embeddings   fused features of up to 200 source and 200 target windows at the last epoch
    """

    about: dict
    history: pd.DataFrame
    predictions: pd.DataFrame
    embeddings: pd.DataFrame

    @property
    def digest(self) -> str:
        return self.about["digest"]


TABLES = ("history", "predictions", "embeddings")


@dataclass(frozen=True)
class Results:
    """Records of many runs as three tables, each with a column ``digest``; embeddings where they were kept."""

    runs: pd.DataFrame
    history: pd.DataFrame
    predictions: pd.DataFrame
    embeddings: pd.DataFrame

    @classmethod
    def of(cls, records: Iterable[RunRecord]) -> "Results":
        """The tables of the given records, in their order."""
        records = list(records)
        tables = {
            name: pd.concat(
                [getattr(record, name).assign(digest=record.digest) for record in records], ignore_index=True
            )
            for name in TABLES
        }
        return cls(runs=pd.DataFrame([record.about for record in records]), **tables)

    def select(self, digests: Iterable[str]) -> "Results":
        """The runs with these digests, in this order."""
        digests = list(digests)
        order = pd.Series(range(len(digests)), index=digests)

        def cut(table: pd.DataFrame) -> pd.DataFrame:
            kept = table[table.digest.isin(order.index)]
            return kept.iloc[np.argsort(order[kept.digest].to_numpy(), kind="stable")].reset_index(drop=True)

        # Data sets with more classes or wider features leave empty columns beside the others' values.
        own = {name: cut(getattr(self, name)) for name in ("predictions", "embeddings")}
        own = {name: table.dropna(axis="columns", how="all") if len(table) else table for name, table in own.items()}
        return Results(runs=cut(self.runs), history=cut(self.history), **own)


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

    def save(self, record: RunRecord) -> None:
        """Write a record; a reader sees all of it or nothing. A record that is already there is left as it is."""
        if self.has(record.digest):
            return
        aside = self.folder / f".{record.digest}-{uuid.uuid4().hex[:8]}"
        try:
            aside.mkdir(parents=True)
            for name in TABLES:
                getattr(record, name).to_parquet(aside / f"{name}.parquet", index=False, compression="zstd")
            (aside / "about.json").write_text(json.dumps(record.about, indent=1))
            with contextlib.suppress(FileExistsError):
                self._rename(aside, self.folder / record.digest)
        except OSError as error:
            raise store_error(self.folder, error) from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    @staticmethod
    def _rename(aside: Path, home: Path) -> None:
        try:
            os.rename(aside, home)
        except OSError:
            if not (home / "about.json").is_file():
                raise

    def load(self, digest: str) -> RunRecord:
        """The record of a finished run. Raises StoreError for one that is absent or damaged."""
        home = self.folder / digest
        try:
            about = json.loads((home / "about.json").read_text())
            tables = {name: pd.read_parquet(home / f"{name}.parquet") for name in TABLES}
        except (OSError, ValueError) as error:
            raise StoreError(
                f"the record {home} cannot be read ({error}). Remove that folder to train it again."
            ) from error
        return RunRecord(about=about, **tables)


def published_folder() -> Path | None:
    """The project's ``results/``, whose records the book's pages read; None outside a checkout."""
    root = project_root()
    return root / "results" if root else None


def publish(
    results: Results,
    folder: Path,
    *,
    embeddings_of: Iterable[str],
    provenance: dict,
    fusion_only: bool = False,
) -> None:
    """Write results as a few small Parquet files with their provenance; whole or not at all.

    embeddings_of   digests whose embeddings are kept (the rest are dropped: they are large and no page shows them)
    fusion_only     keep the fusion branch's predictions alone, to four decimals
    """
    keep = results.embeddings.digest.isin(list(embeddings_of))
    tables = {name: getattr(results, name) for name in ("runs", "history", "predictions")}
    if fusion_only:
        kept = [name for name in results.predictions if not name.startswith(("eeg_", "eye_"))]
        shares = {name: 4 for name in kept if name.startswith("fusion_")}
        tables["predictions"] = results.predictions[kept].round(shares)
    tables["embeddings"] = results.embeddings[keep]
    aside = folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:8]}")
    aside.mkdir(parents=True)
    try:
        for name, table in tables.items():
            table = table.copy()
            for column in table.columns:
                if isinstance(table[column].iloc[0] if len(table) else None, dict):
                    table[column] = table[column].map(json.dumps)
            table.to_parquet(aside / f"{name}.parquet", index=False, compression="zstd", compression_level=19)
        (aside / "provenance.json").write_text(json.dumps(provenance, indent=1) + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def run_provenance(runs: pd.DataFrame) -> dict:
    """What every provenance says of its runs."""
    told = ("scale", "preset", "seeds", "device", "commit", "torch")
    columns = runs.rename(columns={"seed": "seeds"}).assign(commit=runs.commit.fillna("unknown"))
    return {name: sorted(columns[name].unique().tolist()) for name in told} | {
        "core_hours": round(float((runs.wall_seconds * runs.threads).sum()) / 3600, 3)
    }


def read_published(folder: Path) -> Results:
    """The published results of one folder, as `publish` wrote them."""
    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in ("runs", *TABLES)}
    for column in ("config", "training", "data_card", "versions"):
        tables["runs"][column] = tables["runs"][column].map(json.loads)
    return Results(**tables)
