"""Recordings -> Windows -> folds."""

from ufama.data.folds import Fold, folds, scaled
from ufama.data.layout import LAYOUTS, DataError, Layout, layout
from ufama.data.releases.recordings import read_recordings
from ufama.data.two_modality import read_two_modality, two_modality_windows, write_two_modality
from ufama.data.windows import DataCard, Windows

__all__ = [
    "LAYOUTS",
    "DataCard",
    "DataError",
    "Fold",
    "Layout",
    "Windows",
    "folds",
    "layout",
    "read_recordings",
    "read_two_modality",
    "scaled",
    "two_modality_windows",
    "write_two_modality",
]
