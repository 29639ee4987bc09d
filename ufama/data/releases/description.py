"""The released layouts of SEED and SEED-IV: their folders, old names and new, and what their files are called and hold.

The reader and the doctor both go by this description, and by nothing else.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ufama.data.layout import SEED, SEED_FEATURES, SEED_IV, SEED_IV_FEATURES, Layout

EYE_EVENT_WIDTHS = {"blink": 1, "event": 28, "fixation": 1, "pupil": 4, "saccade": 2}
"""Kind of eye events -> columns of a trial's array; one file each."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ReleasedFolder:
    """One folder of a release.

    Attributes
    ----------
    facts
        layout of its windows, with the subjects it holds
    content
        how a file is read: "bands" (.npz), "eye groups" (pickle), "features", "eye", "signal" or "events" (.mat),
        "continuous" (.cnt), "other"
    modality
        "eeg" or "eye"
    features
        the EEG features that can be read from it, in file order; of folders without them no EEG windows are made
    feature
        the one that is read where none is named
    by_session
        files lie in the folders 1, 2 and 3
    dated
        file names carry the day of recording, not the session
    labelled
        a label.mat belongs here
    old_name
        what older copies call another folder
    """

    name: str
    facts: Layout
    title: str
    content: str
    modality: str
    ending: str
    features: tuple[str, ...] = ()
    feature: str = ""
    by_session: bool = False
    dated: bool = False
    labelled: bool = False
    old_name: bool = False

    @property
    def window_seconds(self) -> float:
        return self.facts.window_seconds

    @property
    def all_subjects(self) -> bool:
        """Whether it holds the subjects without eye movement, too."""
        return not self.facts.eeg_only

    def file_name(self, subject: int, session: int) -> str:
        """Where the release has this recording, from the folder."""
        stem = self.facts.dated_stem(subject, session) if self.dated else f"{subject}_{session}"
        return f"{session}/{stem}{self.ending}" if self.by_session else f"{stem}{self.ending}"

    def file_names(self) -> dict[str, tuple[int, int]]:
        """Every name of the release -> subject and session."""
        pairs = [(subject, session) for subject in self.facts.subjects for session in self.facts.sessions]
        if self.content == "events":
            stems = {pair: self.file_name(*pair).removesuffix(self.ending) for pair in pairs}
            return {f"{stems[pair]}_{kind}{self.ending}": pair for pair in pairs for kind in EYE_EVENT_WIDTHS}
        return {self.file_name(*pair): pair for pair in pairs}

    def numbers(self, name: str) -> tuple[int, str] | None:
        """Subject, and date or session as written, of a file name that could belong here; None for one that cannot."""
        events = rf"_({'|'.join(EYE_EVENT_WIDTHS)})" if self.content == "events" else ""
        stamp = r"[0-9]+" if self.dated else "|".join(map(str, self.facts.sessions))
        match = re.fullmatch(rf"([1-9][0-9]*)_({stamp}){events}{re.escape(self.ending)}", PurePosixPath(name).name)
        return (int(match[1]), match[2]) if match and int(match[1]) in self.facts.subjects else None

    def session(self, subject: int, stamp: str) -> int | None:
        """The session that a file name states: by its number, or by a date that is the subject's own."""
        dates = self.facts.dates[subject]
        if self.dated and stamp in dates:
            return dates.index(stamp) + 1
        return int(stamp) if stamp in map(str, self.facts.sessions) else None


_SEED_EEG = SEED.with_eeg_only_subjects()
_MAT_FEATURES: dict[str, Any] = {
    "content": "features", "modality": "eeg", "ending": ".mat", "dated": True, "feature": "de_LDS",
}  # fmt: skip
_SEED_MAT: dict[str, Any] = _MAT_FEATURES | {"features": SEED_FEATURES, "labelled": True}
_SEED_BANDS: dict[str, Any] = {
    "content": "bands", "modality": "eeg", "ending": ".npz", "features": ("de",), "feature": "de",
}  # fmt: skip

RELEASED_FOLDERS = (
    ReleasedFolder(name="eeg_used_4s", facts=SEED, title="EEG features, 4-s windows", **_SEED_BANDS),
    ReleasedFolder(name="ExtractedFeatures_4s", facts=_SEED_EEG, title="EEG features, 4-s windows", **_SEED_MAT),
    ReleasedFolder(name="eeg_used_1s", facts=SEED.select(1.0), title="EEG features, 1-s windows", **_SEED_BANDS),
    ReleasedFolder(name="ExtractedFeatures_1s", facts=_SEED_EEG.select(1.0), title="EEG features, 1-s windows",
                   **_SEED_MAT),
    ReleasedFolder(name="ExtractedFeatures", facts=_SEED_EEG.select(1.0), title="EEG features, 1-s windows",
                   old_name=True, **_SEED_MAT),
    ReleasedFolder(name="eye_tracking_feature", facts=SEED, title="eye features, 4-s windows", content="eye groups",
                   modality="eye", ending=""),
    ReleasedFolder(name="Preprocessed_EEG", facts=_SEED_EEG, title="EEG signals, 200 Hz", content="signal",
                   modality="eeg", ending=".mat", dated=True, labelled=True),
    ReleasedFolder(name="SEED_RAW_EEG", facts=_SEED_EEG, title="EEG recordings, 1000 Hz", content="continuous",
                   modality="eeg", ending=".cnt"),
    ReleasedFolder(name="01-EEG-raw", facts=SEED, title="EEG recordings, 1000 Hz", content="continuous",
                   modality="eeg", ending=".cnt"),
    ReleasedFolder(name="03-Eye-tracking-excel", facts=SEED, title="eye tracker's exports", content="other",
                   modality="eye", ending=".xls"),
    ReleasedFolder(name="eeg_feature_smooth", facts=SEED_IV, title="EEG features, 4-s windows", by_session=True,
                   features=SEED_IV_FEATURES, **_MAT_FEATURES),
    ReleasedFolder(name="eye_feature_smooth", facts=SEED_IV, title="eye features, 4-s windows", content="eye",
                   modality="eye", ending=".mat", by_session=True, dated=True),
    ReleasedFolder(name="eeg_raw_data", facts=SEED_IV, title="EEG signals, 200 Hz", content="signal", modality="eeg",
                   ending=".mat", by_session=True, dated=True),
    ReleasedFolder(name="eye_raw_data", facts=SEED_IV, title="eye events", content="events", modality="eye",
                   ending=".mat", dated=True),
)  # fmt: skip
"""In the order in which a report shows them. Of those with EEG features, the first that is there and whose windows are
as long as the eye features is read where none is named."""

EEG_FOLDERS = {
    facts.name: tuple(folder for folder in RELEASED_FOLDERS if folder.features and folder.facts.name == facts.name)
    for facts in (SEED, SEED_IV)
}
"""The folders of EEG features, the preferred one first."""

EYE_FOLDERS = {folder.facts.name: folder for folder in RELEASED_FOLDERS if folder.content in ("eye groups", "eye")}
"""The folder of eye features: windows of four seconds in both sets."""

EYE_CHOICES = {
    "paired": "each window's own eye features; EEG and eye windows must be of the same length",
    "repeated": "each row of the 4-s eye features stands for the 1-s windows of EEG in its four seconds",
    "none": "EEG alone: no eye features; of folders that hold all subjects, those without eye movement are read, too",
}

INNER_FOLDERS = {
    *(folder.name for folder in RELEASED_FOLDERS),
    *("02-EEG-DE-feature", "04-Eye-tracking-feature", "SEED_EEG"),
}
"""Folders inside a release: whoever points at one of them means the release above."""

BESIDE = re.compile(
    r"label\.mat|time\.txt|read\s?me.*|reading_.*\.py|.*\.(xlsx?|locs|pdf|docx?|txt|md)|SIMULATED\.(json|txt)",
    re.IGNORECASE,
)
"""Files that lie beside recordings in the releases or in usual copies of them."""

PROVENANCE = "EEG_FEATURES.json"
"""Lies at the top of EEG features that ufama computed from raw recordings: from which files, with which settings."""

COMPUTED = b"MATLAB 5.0 MAT-file, computed by ufama"
"""How a .mat of such features begins."""

SYSTEM_FILE = re.compile(r"\.DS_Store|Thumbs\.db|desktop\.ini|\._.*|\.directory|\.gitignore", re.IGNORECASE)

ARCHIVE = re.compile(r".+\.(zip|rar|7z|tar|tar\.gz|tgz|tar\.bz2|gz)(\.\d+)?", re.IGNORECASE)
