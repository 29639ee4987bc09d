"""Parsed windows kept on disk, for as long as the content of no file that they were parsed from changes.

A file is known by its SHA-256, not by size and time: archives, container layers and version control exchange files
without a change of either. At 2 GB/s that takes 0.05 s for SEED's usual folders, 0.2 s for SEED-IV's and 1.5 s for
SEED's .mat features of 1-s windows; reading the file from a disk takes longer.
"""

import json
import warnings
import zipfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from ufama.data.releases.contents import sha256
from ufama.data.releases.search import ReadPlan
from ufama.data.windows import DataCard, Windows
from ufama.storage import PathError, digest_of, write_atomically

READER_VERSION = 3
"""Part of the key: counted up whenever equal files would give other windows."""


@dataclass(frozen=True)
class Cache:
    """Parsed windows beside the key of what they were parsed from; any other key, or damage, is as good as no file."""

    path: Path
    key: str

    @classmethod
    def of(cls, folder: str | Path, plan: ReadPlan, simulated: str | None, nan: str) -> "Cache":
        """The place for what a plan reads; ``simulated`` is the fingerprint of a simulated set."""
        recordings = [(eeg.subject, eeg.session) for eeg, *_ in plan.recordings]
        source = [plan.layout.name, nan, *plan.choice, recordings]
        place = digest_of([*source, str(plan.recordings[0][0].path.parent)], 16)
        content = [(file.path.name, file.digest()) for recording in plan.recordings for file in recording]
        labels = plan.labels and sha256(plan.labels)
        key = [*source, simulated, plan.notes, content, labels, READER_VERSION]
        return cls(Path(folder) / f"{plan.layout.name}-{place}.npz", digest_of(key, 64))

    def load(self) -> Windows | None:
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                if str(archive["key"]) != self.key:
                    return None
                card = json.loads(str(archive["card"]))
                card = {name: tuple(value) if isinstance(value, list) else value for name, value in card.items()}
                arrays = {field.name: archive[field.name] for field in fields(Windows) if field.name != "card"}
                return Windows(**arrays, card=DataCard(**card))
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None

    def save(self, windows: Windows) -> None:
        """Keep the windows; where they cannot be written, say so in a warning."""
        arrays = {field.name: getattr(windows, field.name) for field in fields(Windows) if field.name != "card"}
        card = np.array(json.dumps(asdict(windows.card)))
        try:
            write_atomically(self.path, lambda path: np.savez(path, key=np.array(self.key), card=card, **arrays))
        except PathError as error:
            warnings.warn(f"The recordings were read, and will be read again next time: {error}", stacklevel=2)
