"""Features in the files of the releases: .mat files, SEED's archives and pickles. Equal content is equal bytes."""

import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ufama.data.layout import BANDS, Layout
from ufama.storage import write_atomically

SEED_MULTIMODAL = Path("SEED_Multimodal") / "Chinese"
SEED_DE_FOLDER = SEED_MULTIMODAL / "02-EEG-DE-feature"


def write_bands(path: Path, entropy: np.ndarray, labels: np.ndarray, split: int) -> Path:
    """Write one subject-session of SEED's multimodal release as .npz, and return its path.

    ``entropy`` is (windows, 62, 5), ``labels`` (windows,); windows from ``split`` on are named test.
    """
    groups = {"train": slice(0, split), "test": slice(split, None)}
    members: dict[str, bytes | np.ndarray] = {}
    for group, rows in groups.items():
        bands = {band: entropy[rows, :, place].copy() for place, band in enumerate(BANDS)}
        members[f"{group}_data"] = pickle.dumps(bands, protocol=4)
    members |= {f"{group}_label": labels[rows].astype(np.float64) for group, rows in groups.items()}
    archived = io.BytesIO()
    with zipfile.ZipFile(archived, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, values in members.items():
            content = io.BytesIO()
            np.save(content, values, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_DEFLATED, 1)
    return write_atomically(path, archived.getvalue())


def write_seed_eye(root: Path, stem: str, eye: np.ndarray, split: int) -> Path:
    """SEED's pickle of one subject-session's eye features (windows, 33); windows from ``split`` on are named test."""
    path = root / SEED_MULTIMODAL / "04-Eye-tracking-feature" / "eye_tracking_feature" / stem
    groups = {"train_data_eye": eye[:split], "test_data_eye": eye[split:]}
    return write_atomically(path, pickle.dumps(groups, protocol=4))


def write_labels(folder: Path, facts: Layout, session: int, *, simulated: bool) -> Path:
    """SEED's label.mat: -1 negative, 0 neutral, 1 positive."""
    label = np.array([facts.labels[session - 1]], np.float64) - 1
    return write_mat(folder / "label.mat", {"label": label}, simulated=simulated)


def write_mat(path: Path, variables: Mapping[str, np.ndarray], *, simulated: bool) -> Path:
    """Write a level-5 .mat with compressed variables, and return its path; its header states ``simulated``.

    The bytes are SciPy's, compressed here at zlib level 1, which takes a fifth of the time of SciPy's fixed level 6 for
    a file a tenth larger.
    """
    from scipy.io import savemat

    plain, written = io.BytesIO(), io.BytesIO()
    savemat(plain, variables, format="5", do_compression=False, oned_as="row")
    content = plain.getbuffer()
    text = f"MATLAB 5.0 MAT-file, {'simulated' if simulated else 'computed'} by ufama".ljust(116).encode()
    written.write(text + content[len(text) : 128])  # SciPy's text has the time
    start = 128  # of elements of (type, length), content
    while start < len(content):
        end = start + 8 + struct.unpack_from("<II", content, start)[1]
        compressed = zlib.compress(content[start:end], 1)
        written.write(struct.pack("<II", 15, len(compressed)) + compressed)  # 15 = miCOMPRESSED
        start = end
    return write_atomically(path, written.getvalue())
