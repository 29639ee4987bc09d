"""The folders of the SEED and SEED-IV releases, old names and new: which files each holds, and under which names."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from ufama.data.layout import SEED, SEED_IV, Layout

EYE_EVENT_KINDS = ("blink", "event", "fixation", "pupil", "saccade")


@dataclass(frozen=True, kw_only=True, eq=False)
class Release:
    """One folder of a release.

    folders       its names; the newest first
    facts         layout of its windows, with the people it holds
    content       how a file is to be read: "bands" (.npz), "eye groups" (pickle), "features", "eye", "signal" or
                  "events" (.mat), "continuous" (.cnt), "other"
    modality      "eeg" or "eye"
    needed        windows are read from here; of several of one modality, from the first that is there
    by_session    files lie in the folders 1, 2 and 3
    dated         file names carry the day of recording, not the session
    labelled      a label.mat belongs here
    """

    folders: tuple[str, ...]
    facts: Layout
    title: str
    content: str
    modality: str
    ending: str
    needed: bool = False
    by_session: bool = False
    dated: bool = False
    labelled: bool = False

    def name(self, subject: int, session: int) -> str:
        """Where the release has this recording, from the folder."""
        stem = self.facts.dated_stem(subject, session) if self.dated else f"{subject}_{session}"
        return f"{session}/{stem}{self.ending}" if self.by_session else f"{stem}{self.ending}"

    def names(self) -> dict[str, tuple[int, int]]:
        """Every name of the release -> subject and session."""
        pairs = [(subject, session) for subject in self.facts.subjects for session in self.facts.sessions]
        if self.content == "events":
            stems = {pair: self.name(*pair).removesuffix(self.ending) for pair in pairs}
            return {f"{stems[pair]}_{kind}{self.ending}": pair for pair in pairs for kind in EYE_EVENT_KINDS}
        return {self.name(*pair): pair for pair in pairs}

    def numbers(self, name: str) -> tuple[int, str] | None:
        """Subject, and date or session as written, of a file name that could belong here; None for one that cannot."""
        events = rf"_({'|'.join(EYE_EVENT_KINDS)})" if self.content == "events" else ""
        pattern = rf"([1-9]\d?)_(\d{{{8 if self.dated else 1}}}){events}{re.escape(self.ending)}"
        match = re.fullmatch(pattern, PurePosixPath(name).name)
        return (int(match[1]), match[2]) if match else None


_SEED_EEG = SEED.with_eeg_only_people()

RELEASES = (
    Release(folders=("eeg_used_4s",), facts=SEED, title="EEG features, 4-s windows", content="bands", modality="eeg",
            ending=".npz", needed=True),
    Release(folders=("eye_tracking_feature",), facts=SEED, title="eye features, 4-s windows", content="eye groups",
            modality="eye", ending="", needed=True),
    Release(folders=("eeg_used_1s",), facts=SEED.select(1.0), title="EEG features, 1-s windows", content="bands",
            modality="eeg", ending=".npz"),
    Release(folders=("ExtractedFeatures_4s",), facts=_SEED_EEG, title="EEG features, 4-s windows", content="features",
            modality="eeg", ending=".mat", needed=True, dated=True, labelled=True),
    Release(folders=("ExtractedFeatures_1s", "ExtractedFeatures"), facts=_SEED_EEG.select(1.0),
            title="EEG features, 1-s windows", content="features", modality="eeg", ending=".mat", dated=True,
            labelled=True),
    Release(folders=("Preprocessed_EEG",), facts=_SEED_EEG, title="EEG signals, 200 Hz", content="signal",
            modality="eeg", ending=".mat", dated=True, labelled=True),
    Release(folders=("SEED_RAW_EEG",), facts=_SEED_EEG, title="EEG recordings, 1000 Hz", content="continuous",
            modality="eeg", ending=".cnt"),
    Release(folders=("01-EEG-raw",), facts=SEED, title="EEG recordings, 1000 Hz", content="continuous",
            modality="eeg", ending=".cnt"),
    Release(folders=("03-Eye-tracking-excel",), facts=SEED, title="eye tracker's exports", content="other",
            modality="eye", ending=".xls"),
    Release(folders=("eeg_feature_smooth",), facts=SEED_IV, title="EEG features, 4-s windows", content="features",
            modality="eeg", ending=".mat", needed=True, by_session=True, dated=True),
    Release(folders=("eye_feature_smooth",), facts=SEED_IV, title="eye features, 4-s windows", content="eye",
            modality="eye", ending=".mat", needed=True, by_session=True, dated=True),
    Release(folders=("eeg_raw_data",), facts=SEED_IV, title="EEG signals, 200 Hz", content="signal", modality="eeg",
            ending=".mat", by_session=True, dated=True),
    Release(folders=("eye_raw_data",), facts=SEED_IV, title="eye events", content="events", modality="eye",
            ending=".mat", dated=True),
)  # fmt: skip
"""In the order in which a report shows them."""

INNER_FOLDERS = {
    *(folder for release in RELEASES for folder in release.folders),
    *("02-EEG-DE-feature", "04-Eye-tracking-feature"),
}
"""Folders inside a release: whoever points at one of them means the release above."""

BESIDE = re.compile(
    r"label\.mat|time\.txt|read\s?me.*|reading_.*\.py|.*\.(xlsx?|locs|pdf|docx?|txt|md)|SIMULATED\.(json|txt)",
    re.IGNORECASE,
)
"""Files that lie beside recordings in the releases or in usual copies of them."""

SYSTEM_FILE = re.compile(r"\.DS_Store|Thumbs\.db|desktop\.ini|\._.*|\.directory|\.gitignore", re.IGNORECASE)

ARCHIVE = re.compile(r".+\.(zip|rar|7z|tar|tar\.gz|tgz|tar\.bz2|gz)(\.\d+)?", re.IGNORECASE)
