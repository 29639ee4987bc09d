"""Parsed windows kept on disk, for as long as no file that they were parsed from changes."""

import hashlib
import json
import os
import tempfile
import zipfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from ufama.data.releases.finding import Reading
from ufama.data.windows import DataCard, Windows

READER_VERSION = 2
"""Part of the key: counted up whenever equal files would give other windows."""


@dataclass(frozen=True)
class Cache:
    """Parsed windows beside the key of what they were parsed from; any other key, or damage, is as good as no file."""

    path: Path
    key: str

    @classmethod
    def of(cls, folder: str | Path, reading: Reading, simulated: str | None, nan: str) -> "Cache":
        """The place for a reading; ``simulated`` is the fingerprint of a simulated set."""
        recordings = reading.recordings
        who = [(recording.subject, recording.session) for recording in recordings]
        source = [reading.layout.name, nan, *reading.choice, who]
        place = hashlib.sha256(json.dumps([*source, str(recordings[0].eeg.parent)]).encode()).hexdigest()[:16]
        state = [
            (path.name, path.stat().st_size, path.stat().st_mtime_ns)
            for recording in recordings
            for path in recording.files
        ]
        key = [*source, simulated, reading.notes, state, READER_VERSION]
        name = f"{reading.layout.name}-{place}.npz"
        return cls(Path(folder) / name, hashlib.sha256(json.dumps(key).encode()).hexdigest())

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
        arrays = {field.name: getattr(windows, field.name) for field in fields(Windows) if field.name != "card"}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=f".{self.path.stem}-", suffix=".npz", dir=self.path.parent)
        with os.fdopen(number, "wb") as file:
            np.savez(file, key=np.array(self.key), card=np.array(json.dumps(asdict(windows.card))), **arrays)
        os.replace(name, self.path)
