"""What can be wrong with a folder of recordings: each damage, what the doctor calls it, and where.

Files of the copies that are damaged here are links, so they are replaced, never written into.
"""

import os
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

SUBJECTS = {"seed": (1, 10), "seed_iv": (2, 13), "seed_mat": (10,)}
"""Who is in the copies. "seed_mat" is SEED with its EEG features in .mat files."""

SEED_EEG = "SEED_Multimodal/Chinese/02-EEG-DE-feature/eeg_used_4s"
SEED_EYE = "SEED_Multimodal/Chinese/04-Eye-tracking-feature/eye_tracking_feature"
NPZ = f"{SEED_EEG}/1_1.npz"
PICKLE = f"{SEED_EYE}/1_1"
IV_EEG = "eeg_feature_smooth/1/2_20150915.mat"
IV_EYE = "eye_feature_smooth/1/2_20150915.mat"
MAT = "SEED_EEG/ExtractedFeatures_4s"
MAT_EEG = f"{MAT}/10_20131130.mat"
MAT_EYE = f"{SEED_EYE}/10_1"
LABELS = f"{MAT}/label.mat"
LATER_EYE = "eye_feature_smooth/2/13_20151125.mat"


class Damage(NamedTuple):
    """``found`` is a regular expression for what is said of it."""

    copy: str
    do: Callable[[Path], object]
    codes: set[str]
    where: str
    found: str = ""


def one_of(choices, draw: np.random.Generator):
    choices = list(choices)
    return choices[draw.integers(len(choices))]


# changing files --------------------------------------------------------------------------------------


def replace_file(path, content):
    path.unlink()
    path.write_bytes(content)


def exchange(first, second):
    content = first.read_bytes()
    replace_file(first, second.read_bytes())
    replace_file(second, content)


def cut_short(path):
    replace_file(path, path.read_bytes()[: path.stat().st_size // 2])


def change_mat(path, change):
    from scipy.io import loadmat, savemat

    content = {name: value for name, value in loadmat(path).items() if not name.startswith("__")}
    change(content)
    path.unlink()
    savemat(path, content, do_compression=False)


def change_npz(path, change):
    with np.load(path) as archive:
        members = {name: archive[name] for name in archive.files}
    change(members)
    path.unlink()
    np.savez(path, **members)


def change_pickle(path, change):
    content = pickle.loads(path.read_bytes())
    change(content)
    replace_file(path, pickle.dumps(content))


def on(name, change):
    """Put change(value) in the place of the named value, of all whose whole name matches."""

    def changed(content):
        for key in [key for key in content if re.fullmatch(name, key)]:
            content[key] = change(content[key])

    return changed


def put(place, value):
    def change(values):
        values = np.array(values)
        values[place] = value
        return values

    return change


def in_bands(change, bands=".*", group="train_data"):
    def changed(members):
        content = pickle.loads(members[group].item())
        on(bands, change)(content)
        members[group] = pickle.dumps(content)

    return changed


def without(name):
    return lambda content: content.pop(name)


def without_gamma(members):
    bands = pickle.loads(members["train_data"].item())
    del bands["gamma"]
    members["train_data"] = pickle.dumps(bands)


def all_but_first(values):
    return values[1:]


def renamed_label(content):
    content["labels"] = content.pop("label")


class Payload:
    """A pickle that would make a folder when loaded."""

    def __reduce__(self):
        return os.mkdir, ("executed",)


# changing folders ------------------------------------------------------------------------------------


def wrong_number(root):
    """Subject 13's recordings of session 1 stand under number 2, as after sorting numbers as text."""
    for folder in ("eeg_feature_smooth", "eye_feature_smooth"):
        (root / folder / "1/2_20150915.mat").unlink()
        (root / folder / "1/13_20151115.mat").rename(root / folder / "1/2_20151115.mat")
        shutil.copy(root / folder / "2/13_20151125.mat", root / folder / "1/13_20151115.mat")


def swapped_sessions(root):
    for folder in ("eeg_feature_smooth", "eye_feature_smooth"):
        exchange(root / folder / "1/2_20150915.mat", root / folder / "2/2_20150920.mat")


def in_one_folder(root):
    """SEED-IV's files without the folders of their sessions."""
    for folder in ("eeg_feature_smooth", "eye_feature_smooth"):
        for path in list((root / folder).glob("*/*.mat")):
            path.rename(root / folder / path.name)


def session_folders(root):
    for session in "123":
        (root / "eye_feature_smooth" / session).rename(root / "eye_feature_smooth" / f"session{session}")


def zipped(root):
    shutil.make_archive(str(root.parent / "SEED-IV"), "zip", root)
    shutil.rmtree(root)
    root.mkdir()
    shutil.move(root.parent / "SEED-IV.zip", root)


def other_names(root):
    for name in os.listdir(root):
        (root / name).rename(root / f"my_{name}")


def named_by_surname(root):
    for path in list((root / MAT).glob("10_*")):
        path.rename(path.with_name(path.name.replace("10_", "anybody_")))


def archived(root):
    """One modality lies in an archive beside the other."""
    shutil.make_archive(str(root / "eyes"), "zip", root, "eye_feature_smooth")
    shutil.rmtree(root / "eye_feature_smooth")


def older_copy(root):
    shutil.copytree(root / "eeg_feature_smooth", root / "old" / "eeg_feature_smooth")


def linked(root):
    """A file is a link to another subject's, which lies outside the folder."""
    target = root / "elsewhere" / "13_20151115.mat"
    target.parent.mkdir()
    shutil.copy(root / "eye_feature_smooth/1/13_20151115.mat", target)
    (root / "eye_feature_smooth/1/13_20151115.mat").unlink()
    (root / IV_EYE).rename(root / "eye_feature_smooth/1/13_20151115.mat")
    (root / IV_EYE).symlink_to(target)


def computed(path):
    """The file as `ufama data features` writes it."""
    content = path.read_bytes()
    mark = b"MATLAB 5.0 MAT-file, computed by ufama".ljust(116)
    replace_file(path, mark + content[len(mark) :])


def at(place, change, *arguments):
    """Do something with the file or folder at a place."""
    return lambda root: change(root / place, *arguments)


def both(*changes):
    return lambda root: [change(root) for change in changes]


def first_window_left_out(name):
    return on(name, lambda values: values[:, 1:])


# one file, one code ----------------------------------------------------------------------------------


def in_file(copy, place, change_file):
    def damage(change, code, found=""):
        return Damage(copy, at(place, change_file, change), {code}, place, found)

    return damage


npz, eyes = in_file("seed", NPZ, change_npz), in_file("seed", PICKLE, change_pickle)
iv_eeg, iv_eye = in_file("seed_iv", IV_EEG, change_mat), in_file("seed_iv", IV_EYE, change_mat)
labels = in_file("seed_mat", LABELS, change_mat)


def gone(copy, place, do, found):
    return Damage(copy, at(place, do), {"missing-file"}, place, found)


def spoilt(copy, place, found, content=None, code="damaged-file"):
    """The file is cut in half, or replaced by other content."""
    return Damage(
        copy, at(place, *((cut_short,) if content is None else (replace_file, content))), {code}, place, found
    )


NEWER = b"MATLAB 7.3 MAT-file, HDF5".ljust(124) + b"\0\2IM" + b"\x89HDF"
RUNS = pickle.dumps({"train_data_eye": Payload()})

DAMAGES = {
    # files
    "EEG file missing": gone("seed", NPZ, os.unlink, "subject 1, session 1"),
    "eye file missing": gone("seed", PICKLE, os.unlink, "subject 1, session 1"),
    "session of SEED missing": Damage(
        "seed",
        lambda root: [(root / SEED_EEG / f"{subject}_2.npz").unlink() for subject in SUBJECTS["seed"]],
        {"missing-file"},
        SEED_EEG,
        "session 2, of no subject",
    ),
    "session missing": gone("seed_iv", "eye_feature_smooth/3", shutil.rmtree, "session 3"),
    "files named by surname": Damage(
        "seed_mat", named_by_surname, {"missing-file"}, MAT_EEG, r"anybody_20131130.mat is .*rename anybody_\* to 10_"
    ),
    "dated file too many": Damage(
        "seed_mat",
        lambda root: shutil.copy(root / MAT_EEG, root / MAT / "10_20140101.mat"),
        {"duplicate-file"},
        f"{MAT}/10_20140101.mat",
        "10_20131211.mat, 10_20140101.mat are all subject 10, session 3",
    ),
    "date of another subject": Damage(
        "seed_mat",
        at(MAT_EEG, lambda path: path.rename(path.with_name("10_20140404.mat"))),
        {"wrong-subject"},
        f"{MAT}/10_20140404.mat",
        "has the date of subject 2, session 1",
    ),
    "no date": Damage(
        "seed_mat",
        at(MAT_EEG, lambda path: path.rename(path.with_name("10_20131399.mat"))),
        {"unknown-session"},
        f"{MAT}/10_20131399.mat",
        "a date that subject 10 does not have",
    ),
    "date of the eyes changed": Damage(
        "seed_iv",
        at(IV_EYE, lambda path: path.rename(path.with_name("2_20150101.mat"))),
        {"different-dates"},
        "eye_feature_smooth/1/2_20150101.mat",
        "the EEG file is 2_20150915.mat, the eye file 2_20150101.mat",
    ),
    "all in one folder": Damage(
        "seed_iv", in_one_folder, {"misplaced-file"}, "eye_feature_smooth/2_20150915.mat", "lies in eye_feature_smooth"
    ),
    "folders of other names": Damage(
        "seed_iv",
        session_folders,
        {"misplaced-file"},
        "eye_feature_smooth/session1/2_20150915.mat",
        "is subject 2, session 1, and lies in eye_feature_smooth/session1",
    ),
    "link to another subject": Damage("seed_iv", linked, {"wrong-subject"}, IV_EYE, "is a link to 13_20151115.mat"),
    "computed among released": Damage(
        "seed_iv", at(IV_EEG, computed), {"mixed-features"}, IV_EEG, "was computed by ufama, other files"
    ),
    "duplicate file": Damage(
        "seed_iv",
        lambda root: shutil.copy(root / IV_EEG, root / "eeg_feature_smooth/1/2_20160101.mat"),
        {"duplicate-file"},
        "eeg_feature_smooth/1/2_20160101.mat",
        "2_20150915.mat, 2_20160101.mat are all subject 2, session 1",
    ),
    "numbers sorted as text": Damage(
        "seed_iv",
        wrong_number,
        {"wrong-subject", "identical-files", "wrong-session"},
        "eeg_feature_smooth/1/2_20151115.mat",
        "has the date of subject 13, session 1",
    ),
    "sessions exchanged": Damage("seed_iv", swapped_sessions, {"wrong-session"}, IV_EEG, "as those of session 2"),
    "one file copied over another": Damage(
        "seed",
        lambda root: replace_file(root / SEED_EYE / "1_2", (root / PICKLE).read_bytes()),
        {"identical-files"},
        f"{SEED_EYE}/1_2",
        f"same as {PICKLE}",
    ),
    # folders
    "modality missing": Damage("seed", at(SEED_EYE, shutil.rmtree), {"missing-folder"}, ".", "no folder named eye_"),
    "one modality in an archive": Damage(
        "seed_iv", archived, {"missing-folder", "not-extracted"}, ".", "it may lie in eyes.zip"
    ),
    "an older copy below": Damage(
        "seed_iv", older_copy, {"several-folders"}, ".", "eeg_feature_smooth, old/eeg_feature_smooth"
    ),
    "zip only": Damage("seed_iv", zipped, {"not-extracted"}, "SEED-IV.zip"),
    "wrong folder": Damage("seed_iv", other_names, {"nothing-recognised"}, "."),
    "two releases": Damage(
        "seed",
        at("SEED_Multimodal/Chinese", lambda path: shutil.copytree(path, path.parent / "French")),
        {"several-folders"},
        ".",
        "2 folders named eeg_used_4s: .*Chinese.*French",
    ),
    # opening
    "cut .mat": spoilt("seed_iv", IV_EEG, r"damaged or cut short .* of 24 trials"),
    "cut .npz": spoilt("seed", NPZ, "damaged, cut short or holds Python objects"),
    "cut pickle": spoilt("seed", PICKLE, "damaged or cut short"),
    "web page": spoilt("seed_iv", IV_EYE, "a web page", b"<html>404</html>"),
    "empty file": spoilt("seed_iv", IV_EYE, "an empty file", b""),
    "not a dictionary": spoilt("seed", PICKLE, "holds a list", pickle.dumps([1, 2])),
    "MATLAB 7.3": spoilt("seed_iv", IV_EYE, "HDF5", NEWER, "matlab-7.3"),
    "code in a pickle": spoilt("seed", PICKLE, "nothing was executed", RUNS, "code-in-pickle"),
    "code in an archive": npz(on("test_data", lambda _: RUNS), "code-in-pickle", "nothing was executed"),
    "object in an archive": npz(on("test_label", lambda _: None), "damaged-file", "holds Python objects"),
    # parts
    "trial missing": iv_eye(without("eye_7"), "missing-trial", "no trial 7"),
    "trial too many": iv_eye(lambda content: content.update(eye_25=content["eye_1"]), "extra-trial", "eye_25 is too"),
    "trial copied over another": iv_eye(
        lambda content: content.update(eye_10=content["eye_1"]), "identical-trials", "trial 10 is the same as trial 1"
    ),
    "band missing": npz(without_gamma, "missing-part", "train_data has no gamma"),
    "eye group missing": eyes(without("test_data_eye"), "missing-part", "no test_data_eye"),
    "labels missing": npz(without("test_label"), "missing-part", "no test_label"),
    "text for numbers": iv_eye(on("eye_3", lambda _: "text"), "wrong-type", "eye_3 holds text"),
    "list for numbers": eyes(on("train_data_eye", np.ndarray.tolist), "wrong-type", "train_data_eye holds a list"),
    # shapes
    "EEG axes swapped": iv_eeg(
        on("de_LDS3", lambda values: values.transpose(1, 0, 2)),
        "swapped-axes",
        r"3 has shape \(49, 62, 5\), its axes",
    ),
    "eye axes swapped": eyes(on("train_data_eye", np.transpose), "swapped-axes", r"shape \(33, 499\), its axes"),
    "an electrode too few": iv_eeg(on("de_LDS3", all_but_first), "wrong-shape", r"de_LDS3 has shape \(61, 49, 5\)"),
    "bands of unequal length": npz(
        in_bands(all_but_first, bands="beta"), "wrong-shape", "windows: delta 499, theta 499, alpha 499, beta 498"
    ),
    # windows
    "eye and EEG of unequal length": iv_eye(
        first_window_left_out("eye_24"), "unequal-windows", "trial 24: EEG 34, eye 33"
    ),
    "eye and EEG groups of unequal length": eyes(
        on("train_data_eye", all_but_first), "unequal-windows", "trials 1 to 9: EEG 499, eye 498"
    ),
    "eyes of another length than the clips": Damage(
        "seed_mat",
        at(MAT_EYE, change_pickle, on("test_data_eye", all_but_first)),
        {"window-count"},
        MAT_EYE,
        "trials 10 to 15 has 342, not 343",
    ),
    "a window too few in both": Damage(
        "seed_iv",
        both(
            at(IV_EEG, change_mat, first_window_left_out("de_LDS2")),
            at(IV_EYE, change_mat, first_window_left_out("eye_2")),
        ),
        {"window-count"},
        IV_EEG,
        "trial 2 has 22, not 23",
    ),
    "a trial missing in both": Damage(
        "seed",
        both(
            at(NPZ, change_npz, in_bands(lambda values: values[58:])),
            at(PICKLE, change_pickle, on("train_data_eye", lambda values: values[58:])),
        ),
        {"window-count"},
        NPZ,
        "trials 1 to 9 has 441, not 499",
    ),
    # values
    "NaN in the eye movement": iv_eye(
        on("eye_5", put((0, slice(1, 3)), np.nan)), "not-finite", r"2 values are NaN or infinite \(trial 5: 2\)"
    ),
    "a feature without a value": Damage(
        "seed_iv",
        at(IV_EYE, change_mat, on("eye_5", put(2, np.nan))),
        {"not-finite", "empty-feature"},
        IV_EYE,
        "trial 5 has no finite value in feature 2",
    ),
    "infinite EEG": npz(in_bands(put((60, 5), np.inf)), "not-finite", r"\(trial 2: 5\)"),
    "wrong labels": npz(on("train_label", lambda labels: labels - 1), "wrong-labels", "499 labels of train_label"),
    "a wrong label": npz(on("train_label", put(60, 2)), "wrong-labels", "1 labels .* in trial 2, the first is 2"),
    "other labels of trials": labels(on("label", lambda values: 0 - values), "wrong-labels", "label: -1, 0, 1"),
    "no labels of trials": labels(renamed_label, "missing-part", "no variable label"),
}
"""What nobody can read windows from."""


def _dead_electrode(values):
    return put(slice(7, 8), 12.5)(values)


def _twin_electrodes(values):
    return put(10, values[11])(values)


def _half_log(values):
    return 0.5 * np.log(2) * (values - np.log2(100)) + 0.5 * np.log(2 * np.pi * np.e) - 3


def _still(values):
    return np.repeat(values[:, :1], values.shape[1], 1)


WARNINGS = {
    "dead electrode": iv_eeg(on(r"de_LDS\d+", _dead_electrode), "dead-channel"),
    "two electrodes with the same values": iv_eeg(on(r"de_LDS\d+", _twin_electrodes), "dead-channel"),
    "half-log scale": iv_eeg(on(r"de_LDS\d+", _half_log), "unusual-scale"),
    "EEG of another unit": iv_eeg(on(r"de_LDS\d+", lambda values: 1e6 * values), "unusual-scale"),
    "eyes of another unit": iv_eye(on("eye_7", lambda values: 1e-6 * values), "unusual-scale", "in trial 7"),
    "a mark for missing values": iv_eye(on("eye_7", put((3, 5), -9999.0)), "unusual-scale", "1 values of eye"),
    "windows doubled": iv_eye(on("eye_7", lambda values: np.repeat(values[:, ::2], 2, 1)), "repeated-windows"),
    "named by session": Damage(
        "seed_mat",
        at(MAT_EEG, lambda path: path.rename(path.with_name("10_1.mat"))),
        {"unexpected-date"},
        f"{MAT}/10_1.mat",
    ),
    "trials shifted": Damage(
        "seed",
        at(PICKLE, change_pickle, on("train_data_eye", lambda values: np.roll(values, 7, 0))),
        {"shifted-trials", "constant-eye-row"},
        PICKLE,
    ),
    "lost eyes": Damage(
        "seed_iv",
        at(LATER_EYE, change_mat, on("eye_5", _still)),
        {"constant-eye-row", "repeated-windows"},
        LATER_EYE,
    ),
    "no labels beside .mat files": Damage("seed_mat", at(LABELS, os.unlink), {"missing-labels"}, LABELS),
    "second download": Damage(
        "seed",
        lambda root: shutil.copy(root / NPZ, root / SEED_EEG / "1_1 (1).npz"),
        {"unexpected-file"},
        f"{SEED_EEG}/1_1 (1).npz",
    ),
    "unknown date": Damage(
        "seed_iv",
        both(*(at(place, lambda path: path.rename(path.with_name("2_20150101.mat"))) for place in (IV_EEG, IV_EYE))),
        {"unexpected-date"},
        "eye_feature_smooth/1/2_20150101.mat",
    ),
    "nothing": Damage("seed", lambda root: None, set(), "."),
    "nothing, .mat files": Damage("seed_mat", lambda root: None, set(), "."),
}
"""What can be read all the same."""
