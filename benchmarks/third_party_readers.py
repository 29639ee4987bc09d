"""Whether TorchEEG's readers of SEED and SEED-IV load the simulated folders, and to the same numbers as this project.

TorchEEG (https://github.com/torcheeg/torcheeg, MIT licence) is not a dependency: it needs older versions of NumPy,
SciPy and pandas than this project, so it gets an environment of its own, and the two meet in a folder. From the
project's root:

    python benchmarks/third_party_readers.py write FOLDER            # in this project's environment
    python3.11 -m venv torcheeg-env
    torcheeg-env/bin/pip install "numpy<2" "scipy==1.10.1" "pandas<3" "torch==2.2.2" setuptools "torcheeg==1.1.3"
    torcheeg-env/bin/python benchmarks/third_party_readers.py compare FOLDER

``write`` makes simulated folders in FOLDER (about 0.8 GB: everybody's 4-s features, two people's 1-s features) and
stores beside them what this project reads. ``compare`` lets TorchEEG read the folders and compares every window by
subject, session, trial and position in the trial: all values and the label must be exactly equal, and no window
may be missing on either side. It prints the versions and one line per comparison and ends with status 1 if any differ.
"""

import argparse
import json
import logging
import sys
import tempfile
from pathlib import Path

import numpy as np

SOME_PEOPLE = (1, 10)

# set, folder of features, people (None: all), feature, TorchEEG's reader, samples that it counts per window
COMPARISONS = (
    ("seed", "ExtractedFeatures_4s", None, "de_LDS", "SEEDFeatureDataset", 200),
    ("seed", "ExtractedFeatures_4s", None, "de_movingAve", "SEEDFeatureDataset", 200),
    ("seed", "ExtractedFeatures", SOME_PEOPLE, "de_LDS", "SEEDFeatureDataset", 200),
    ("seed", "ExtractedFeatures", SOME_PEOPLE, "psd_movingAve", "SEEDFeatureDataset", 200),
    ("seed", "ExtractedFeatures", SOME_PEOPLE, "asm_LDS", "SEEDFeatureDataset", 200),
    ("seed", "ExtractedFeatures", SOME_PEOPLE, "dcau_movingAve", "SEEDFeatureDataset", 200),
    ("seed_iv", "eeg_feature_smooth", None, "de_LDS", "SEEDIVFeatureDataset", 800),
    ("seed_iv", "eeg_feature_smooth", None, "de_movingAve", "SEEDIVFeatureDataset", 800),
    ("seed_iv", "eeg_feature_smooth", None, "psd_LDS", "SEEDIVFeatureDataset", 800),
)
KEYS = ("subject", "session", "trial", "window")


def write(folder: Path) -> None:
    from ufama import __version__
    from ufama.data import read_recordings
    from ufama.simulation.files import write_simulated

    entries = []
    for dataset, eeg, people, feature, reader, samples in COMPARISONS:
        also = () if eeg == "eeg_feature_smooth" else (eeg,)
        root = write_simulated(dataset, folder / f"{dataset}-{eeg}", subjects=people, also=also)
        windows = read_recordings(dataset, root, eeg=eeg, feature=feature, eye="none", subjects=people)
        name = f"{dataset}-{eeg}-{feature}.npz"
        columns = {key: getattr(windows, key) for key in (*KEYS, "label", "eeg")}
        np.savez(folder / name, **columns)
        (found,) = [path for path in root.rglob(eeg) if path.is_dir()]
        entries.append(
            {
                "set": windows.card.title,
                "folder": found.relative_to(folder).as_posix(),
                "feature": feature,
                "reader": reader,
                "samples": samples,
                "arrays": name,
            }
        )
        print(f"{windows.card.title}: {eeg}, {feature}: {len(windows)} windows")
    (folder / "comparisons.json").write_text(json.dumps({"ufama": __version__, "comparisons": entries}, indent=1))


def compare(folder: Path) -> bool:
    import scipy
    import torch
    import torcheeg

    logging.getLogger("torcheeg").setLevel(logging.WARNING)
    stored = json.loads((folder / "comparisons.json").read_text())
    print(
        f"Python {sys.version.split()[0]}, TorchEEG {torcheeg.__version__}, torch {torch.__version__}, "
        f"NumPy {np.__version__}, SciPy {scipy.__version__}; folders written by ufama {stored['ufama']}"
    )
    equal = True
    for entry in stored["comparisons"]:
        ours = _ours(folder / entry["arrays"])
        theirs = _theirs(folder, entry)
        shared = ours.keys() & theirs.keys()
        same = sum(np.array_equal(ours[key][0], theirs[key][0]) and ours[key][1] == theirs[key][1] for key in shared)
        equal &= same == len(ours) == len(theirs)
        print(
            f"{entry['set']}, {entry['folder'].split('/')[-1]}, {entry['feature']}, {entry['reader']}: ufama "
            f"{len(ours)} windows of {next(iter(ours.values()))[0].shape}, TorchEEG {len(theirs)}; {same} equal"
        )
    print("All equal." if equal else "There are differences.")
    return equal


def _ours(path: Path) -> dict[tuple[int, ...], tuple[np.ndarray, int]]:
    with np.load(path) as archive:
        columns = {name: archive[name] for name in archive.files}
    keys = zip(*(columns[name].tolist() for name in KEYS), strict=True)
    return dict(zip(keys, zip(columns["eeg"], columns["label"].tolist(), strict=True), strict=True))


def _theirs(folder: Path, entry: dict) -> dict[tuple[int, ...], tuple[np.ndarray, int]]:
    """TorchEEG's windows under this project's numbers: sessions from 1, classes from 0."""
    from torcheeg import datasets

    with tempfile.TemporaryDirectory() as place:
        dataset = getattr(datasets, entry["reader"])(
            root_path=str(folder / entry["folder"]),
            feature=[entry["feature"]],
            io_path=f"{place}/windows",
            io_mode="memory",
            verbose=False,
        )
    from_zero = entry["reader"] == "SEEDFeatureDataset"  # counts sessions from 0, and classes from -1
    windows = {}
    for place in range(len(dataset)):
        values, info = dataset[place]
        window = info["start_at"] // entry["samples"]
        key = (int(info["subject_id"]), int(info["session_id"]) + from_zero, int(info["trial_id"]), int(window))
        windows[key] = (values, int(info["emotion"]) + from_zero)
    return windows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("write", "compare"))
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    if arguments.step == "write":
        write(arguments.folder)
    elif not compare(arguments.folder):
        raise SystemExit(1)
