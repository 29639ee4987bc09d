"""The doctor names what is wrong with a folder, and nothing else; it says what it means and what to do."""

import io
import json
import os
import pickle
import shutil

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from ufama.cli.main import app
from ufama.data.layout import BANDS, SEED, SEED_IV, DataError
from ufama.data.releases.doctor import examine
from ufama.data.releases.doctor.display import show
from ufama.data.releases.doctor.examination import CODES, SEVERITIES, Finding
from ufama.data.releases.doctor.releases import RELEASES
from ufama.data.releases.finding import EEG_FOLDERS, EYE_FOLDERS
from ufama.data.releases.recordings import MARKER, read_recordings

SEED_EEG = "SEED_Multimodal/Chinese/02-EEG-DE-feature/eeg_used_4s"
SEED_EYE = "SEED_Multimodal/Chinese/04-Eye-tracking-feature/eye_tracking_feature"
IV_EEG = "eeg_feature_smooth/1/2_20150915.mat"
IV_EYE = "eye_feature_smooth/1/2_20150915.mat"
SOME = {"seed": (1, 10), "seed_iv": (2, 13)}


@pytest.fixture(scope="module")
def some(tmp_path_factory, seed_folder, seed_iv_folder):
    """Both sets with two people each, without the marker: a licence holder's copy."""
    folder = tmp_path_factory.mktemp("some")
    for dataset, source in (("seed", seed_folder), ("seed_iv", seed_iv_folder)):
        for subject in SOME[dataset]:
            for path in source.rglob(f"{subject}_*"):
                target = folder / dataset / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(path, target)
    return folder


@pytest.fixture
def copied(tmp_path, some):
    def copy(dataset):
        return shutil.copytree(some / dataset, tmp_path / "copy", copy_function=os.link)

    return copy


def replaced(path, content):
    path.unlink()
    path.write_bytes(content)


def with_mat(path, change):
    from scipy.io import loadmat, savemat

    content = {name: value for name, value in loadmat(path).items() if not name.startswith("__")}
    change(content)
    path.unlink()
    savemat(path, content, do_compression=True)


def with_npz(path, change):
    with np.load(path) as archive:
        members = {name: archive[name] for name in archive.files}
    change(members)
    path.unlink()
    np.savez(path, **members)


def with_pickle(path, change):
    content = pickle.loads(path.read_bytes())
    change(content)
    replaced(path, pickle.dumps(content))


def on(name, change):
    """Put change(value) in the place of the named value."""
    return lambda content: content.__setitem__(name, change(content[name]))


def with_value(place, value):
    def change(values):
        values = values.copy()
        values[place] = value
        return values

    return change


def in_bands(change):
    def changed(members):
        bands = {band: change(values) for band, values in pickle.loads(members["train_data"].item()).items()}
        members["train_data"] = pickle.dumps(bands)

    return changed


def cut(path):
    replaced(path, path.read_bytes()[: path.stat().st_size // 2])


def in_every_trial(prefix, change):
    def changed(content):
        for name in content:
            if name.startswith(prefix):
                content[name] = change(content[name])

    return changed


def dead_electrode(values):
    return with_value(slice(7, 8), 12.5)(values)


def twin_electrodes(values):
    return with_value(10, values[11])(values)


def half_log(values):
    return 0.5 * np.log(2) * (values - np.log2(100)) + 0.5 * np.log(2 * np.pi * np.e) - 3


def wrong_number(root):
    """Subject 13's recordings of session 1 stand under number 2, as after sorting numbers as text."""
    for folder in ("eeg_feature_smooth", "eye_feature_smooth"):
        (root / folder / "1/2_20150915.mat").unlink()
        (root / folder / "1/13_20151115.mat").rename(root / folder / "1/2_20151115.mat")
        shutil.copy(root / folder / "2/13_20151125.mat", root / folder / "1/13_20151115.mat")


def swapped_sessions(root):
    for folder in ("eeg_feature_smooth", "eye_feature_smooth"):
        one, two = root / folder / "1/2_20150915.mat", root / folder / "2/2_20150920.mat"
        content = one.read_bytes()
        replaced(one, two.read_bytes())
        replaced(two, content)


def zipped(root):
    shutil.make_archive(str(root / "SEED-IV"), "zip", root / "eye_feature_smooth")
    for folder in ("eeg_feature_smooth", "eye_feature_smooth"):
        shutil.rmtree(root / folder)


class Payload:
    def __reduce__(self):
        return os.mkdir, ("executed",)


EYE_FRAME = "eye_feature_smooth/2/13_20151125.mat"
ABSENT = {"missing-person"}  # the copies hold two people
DAMAGES = {
    # what it is: (set, what is done, codes that must be there, where the first of them is)
    "eye file missing": ("seed", lambda root: (root / SEED_EYE / "1_2").unlink(), {"missing-file"}, f"{SEED_EYE}/1_2"),
    "session missing": (
        "seed_iv",
        lambda root: shutil.rmtree(root / "eye_feature_smooth/3"),
        {"missing-file"},
        "eye_feature_smooth/3",
    ),
    "modality missing": ("seed", lambda root: shutil.rmtree(root / SEED_EYE), {"missing-folder"}, "."),
    "cut .mat": ("seed_iv", lambda root: cut(root / IV_EEG), {"damaged-file"}, IV_EEG),
    "cut .npz": ("seed", lambda root: cut(root / SEED_EEG / "1_1.npz"), {"damaged-file"}, f"{SEED_EEG}/1_1.npz"),
    "cut pickle": ("seed", lambda root: cut(root / SEED_EYE / "1_1"), {"damaged-file"}, f"{SEED_EYE}/1_1"),
    "web page": ("seed_iv", lambda root: replaced(root / IV_EYE, b"<html>404</html>"), {"damaged-file"}, IV_EYE),
    "empty file": ("seed_iv", lambda root: replaced(root / IV_EYE, b""), {"damaged-file"}, IV_EYE),
    "MATLAB 7.3": (
        "seed_iv",
        lambda root: replaced(root / IV_EYE, b"MATLAB 7.3 MAT-file, HDF5".ljust(124) + b"\0\2IM" + b"\x89HDF"),
        {"matlab-7.3"},
        IV_EYE,
    ),
    "code in a pickle": (
        "seed",
        lambda root: replaced(root / SEED_EYE / "1_1", pickle.dumps({"train_data_eye": Payload()})),
        {"code-in-pickle"},
        f"{SEED_EYE}/1_1",
    ),
    "code in an archive": (
        "seed",
        lambda root: with_npz(root / SEED_EEG / "1_1.npz", on("test_data", lambda _: pickle.dumps(Payload()))),
        {"code-in-pickle"},
        f"{SEED_EEG}/1_1.npz",
    ),
    "trial missing": (
        "seed_iv",
        lambda root: with_mat(root / IV_EYE, lambda content: content.pop("eye_7")),
        {"missing-trial"},
        IV_EYE,
    ),
    "labels missing": (
        "seed",
        lambda root: with_npz(root / SEED_EEG / "1_1.npz", lambda members: members.pop("test_label")),
        {"missing-part"},
        f"{SEED_EEG}/1_1.npz",
    ),
    "text for numbers": (
        "seed_iv",
        lambda root: with_mat(root / IV_EYE, on("eye_3", lambda _: "text")),
        {"wrong-type"},
        IV_EYE,
    ),
    "EEG axes swapped": (
        "seed_iv",
        lambda root: with_mat(root / IV_EEG, in_every_trial("de_LDS", lambda values: values.transpose(1, 0, 2))),
        {"swapped-axes"},
        IV_EEG,
    ),
    "eye axes swapped": (
        "seed",
        lambda root: with_pickle(root / SEED_EYE / "1_1", on("train_data_eye", np.transpose)),
        {"swapped-axes"},
        f"{SEED_EYE}/1_1",
    ),
    "an electrode too few": (
        "seed_iv",
        lambda root: with_mat(root / IV_EEG, on("de_LDS3", lambda values: values[:-1])),
        {"wrong-shape"},
        IV_EEG,
    ),
    "eye and EEG of unequal length": (
        "seed_iv",
        lambda root: with_mat(root / IV_EYE, on("eye_24", lambda values: values[:, 1:])),
        {"unequal-windows"},
        IV_EYE,
    ),
    "a window too few in both": (
        "seed_iv",
        lambda root: (
            with_mat(root / IV_EEG, on("de_LDS2", lambda values: values[:, 1:])),
            with_mat(root / IV_EYE, on("eye_2", lambda values: values[:, 1:])),
        ),
        {"window-count"},
        IV_EEG,
    ),
    "NaN in the eye movement": (
        "seed_iv",
        lambda root: with_mat(root / IV_EYE, on("eye_5", with_value((0, slice(1, 3)), np.nan))),
        {"not-finite"},
        IV_EYE,
    ),
    "infinite EEG": (
        "seed",
        lambda root: with_npz(root / SEED_EEG / "1_1.npz", in_bands(with_value((60, 5), np.inf))),
        {"not-finite"},
        f"{SEED_EEG}/1_1.npz",
    ),
    "wrong labels": (
        "seed",
        lambda root: with_npz(root / SEED_EEG / "1_1.npz", on("train_label", lambda labels: labels - 1)),
        {"wrong-labels"},
        f"{SEED_EEG}/1_1.npz",
    ),
    "duplicate file": (
        "seed_iv",
        lambda root: shutil.copy(root / IV_EEG, root / "eeg_feature_smooth/1/2_20160101.mat"),
        {"duplicate-file"},
        "eeg_feature_smooth/1/2_20160101.mat",
    ),
    "zip only": ("seed_iv", zipped, {"not-extracted"}, "SEED-IV.zip"),
    "wrong folder": (
        "seed_iv",
        lambda root: [(root / name).rename(root / f"my_{name}") for name in os.listdir(root)],
        {"nothing-recognised"},
        ".",
    ),
    "two releases": (
        "seed",
        lambda root: shutil.copytree(root / "SEED_Multimodal", root / "old"),
        {"several-folders"},
        ".",
    ),
    "numbers sorted as text": (
        "seed_iv",
        wrong_number,
        {"wrong-subject", "identical-files", "wrong-session"},
        "eeg_feature_smooth/1/2_20151115.mat",
    ),
    "sessions exchanged": ("seed_iv", swapped_sessions, {"wrong-session"}, IV_EEG),
    "one file copied over another": (
        "seed",
        lambda root: replaced(root / SEED_EYE / "1_2", (root / SEED_EYE / "1_1").read_bytes()),
        {"identical-files"},
        f"{SEED_EYE}/1_2",
    ),
}
UNSEEN_BY_THE_READER = {"numbers sorted as text", "one file copied over another"}
WARNINGS = {
    "dead electrode": (
        "seed_iv",
        lambda root: with_mat(root / IV_EEG, in_every_trial("de_LDS", dead_electrode)),
        {"dead-channel"},
        IV_EEG,
    ),
    "two electrodes with the same values": (
        "seed_iv",
        lambda root: with_mat(root / IV_EEG, in_every_trial("de_LDS", twin_electrodes)),
        {"dead-channel"},
        IV_EEG,
    ),
    "lost eyes": (
        "seed_iv",
        lambda root: with_mat(
            root / EYE_FRAME, on("eye_5", lambda values: np.repeat(values[:, :1], values.shape[1], 1))
        ),
        {"constant-eye-row"},
        EYE_FRAME,
    ),
    "half-log scale": (
        "seed_iv",
        lambda root: with_mat(root / IV_EEG, in_every_trial("de_LDS", half_log)),
        {"unusual-scale"},
        IV_EEG,
    ),
    "second download": (
        "seed",
        lambda root: shutil.copy(root / SEED_EEG / "1_1.npz", root / SEED_EEG / "1_1 (1).npz"),
        {"unexpected-file"},
        f"{SEED_EEG}/1_1 (1).npz",
    ),
    "unknown date": (
        "seed_iv",
        lambda root: (root / IV_EYE).rename(root / "eye_feature_smooth/1/2_20150101.mat"),
        {"unexpected-date"},
        "eye_feature_smooth/1/2_20150101.mat",
    ),
}


def codes(examination, severity):
    return {finding.code for finding in examination.findings if finding.severity == severity}


@pytest.mark.parametrize("dataset", ["seed", "seed_iv"])
def test_a_good_folder_is_ready(dataset, copied):
    root = copied(dataset)
    examination = examine(root)
    (examined,) = examination.sets
    assert codes(examination, "error") == set()
    assert codes(examination, "warning") == ABSENT
    assert (examined.name, examined.simulated, examination.exit_code) == (dataset, False, 1)
    assert examined.subjects == examined.ready_subjects == SOME[dataset]
    assert [(layout.folder, layout.files) for layout in examined.layouts if layout.read] == [
        (folder, 6) for folder in {"seed": ("eeg_used_4s", "eye_tracking_feature"),
                                   "seed_iv": ("eeg_feature_smooth", "eye_feature_smooth")}[dataset]
    ]  # fmt: skip
    facts = {"seed": SEED, "seed_iv": SEED_IV}[dataset]
    for one in examined.recordings:
        assert sum(one.parts.values()) == sum(facts.window_counts[one.session - 1])
        assert one.state == "good" and one.not_finite == {} and one.type == "float64"
    read = read_recordings(dataset, root, subjects=examined.ready_subjects)
    assert len(read) == sum(sum(one.parts.values()) for one in examined.recordings) / 2


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_is_named_and_nothing_else_and_what_is_called_ready_is_read(damage, copied, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    dataset, break_it, expected, where = DAMAGES[damage]
    root = copied(dataset)
    break_it(root)
    examination = examine(root)
    assert codes(examination, "error") == expected
    assert codes(examination, "warning") <= ABSENT
    assert examination.exit_code == 2
    assert where in {finding.where for finding in examination.findings if finding.code in expected}
    assert not (tmp_path / "executed").exists()
    ready = {subject for examined in examination.sets for subject in examined.ready_subjects}
    for subject in SOME[dataset]:
        if subject in ready:
            read_recordings(dataset, root, subjects=[subject])
        elif damage not in UNSEEN_BY_THE_READER:
            with pytest.raises(DataError):
                read_recordings(dataset, root, subjects=[subject])


@pytest.mark.parametrize("damage", WARNINGS)
def test_what_can_be_read_all_the_same_is_a_warning(damage, copied):
    dataset, break_it, expected, where = WARNINGS[damage]
    root = copied(dataset)
    break_it(root)
    examination = examine(root)
    assert codes(examination, "error") == set()
    assert codes(examination, "warning") == expected | ABSENT
    assert where in {finding.where for finding in examination.findings}
    assert examination.sets[0].ready_subjects == SOME[dataset]


def test_it_goes_on_after_the_first_problem(copied):
    root = copied("seed_iv")
    cut(root / IV_EEG)
    with_mat(root / IV_EYE, on("eye_24", lambda values: values[:, 1:]))
    with_mat(root / EYE_FRAME, lambda content: (content.pop("eye_2"), on("eye_3", np.transpose)(content)))
    (root / "eeg_feature_smooth/3/13_20161130.mat").unlink()
    examination = examine(root)
    assert codes(examination, "error") == {
        "damaged-file",
        "window-count",
        "missing-trial",
        "swapped-axes",
        "missing-file",
    }
    assert examination.sets[0].ready_subjects == ()
    assert "after" in next(one.found for one in examination.findings if one.code == "damaged-file")


def test_a_simulated_set_says_so_and_a_changed_file_in_it_is_an_error(tmp_path, seed_iv_folder):
    root = shutil.copytree(seed_iv_folder, tmp_path / "set", copy_function=os.link)
    examination = examine(root)
    assert (examination.exit_code, codes(examination, "note")) == (0, {"simulated", "clip-fingerprint"})
    assert examination.verdict == "Simulated SEED-IV is ready, with all 2 people. Nothing is wrong."
    with_mat(root / IV_EYE, on("eye_1", with_value((0, 0), 50.0)))
    changed = examine(root)
    assert codes(changed, "error") == {"changed-simulated-file"}
    assert changed.sets[0].ready_subjects == (13,)
    for content in (
        b"{",
        b"[" * 100_000,
        b"{}",
        b'{"files": 3, "fingerprint": "x", "dataset": "seed_iv"}',
        b"\xff\xfe",
    ):
        replaced(root / MARKER, content)
        assert "damaged-marker" in codes(examine(root), "error")


def test_both_sets_in_one_tree_and_every_inner_folder_are_found(some):
    examination = examine(some)
    assert [examined.name for examined in examination.sets] == ["seed", "seed_iv"]
    assert [examined.name for examined in examine(some, "seed").sets] == ["seed"]
    assert examine(some / "seed_iv/eye_feature_smooth/2").root == some / "seed_iv"
    assert examine(some / "seed" / SEED_EEG).sets[0].ready_subjects == SOME["seed"]
    with pytest.raises(DataError, match="'deap' is not known"):
        examine(some, "deap")


def test_a_renamed_folder_is_recognised_by_its_files(copied):
    root = copied("seed_iv")
    (root / "eye_feature_smooth").rename(root / "eyes")
    shutil.rmtree(root / "eeg_feature_smooth")
    (finding,) = examine(root).findings
    assert "The file names in eyes/1 are those of SEED-IV" in finding.found


def test_a_folder_that_does_not_exist_or_is_a_file(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    for path in (tmp_path / "nowhere", tmp_path / "notes.txt"):
        examination = examine(path)
        assert [finding.code for finding in examination.findings] == ["not-a-folder"]
        assert examination.verdict.startswith("Not usable: ")


def test_a_two_modality_table_is_examined_too(small_table):
    examination = examine(small_table)
    assert (examination.exit_code, examination.sets[0].subjects) == (0, (1, 2, 3, 4))
    with_npz(small_table, lambda members: members.pop("trial"))
    examination = examine(small_table)
    assert codes(examination, "error") == {"unusable-table"}
    assert "trial" in examination.findings[0].found


def test_signals_label_vectors_and_mat_features_of_seed(tmp_path):
    """Layouts that are not read by default, written here with two people's worth of noise."""
    from scipy.io import savemat

    draw = np.random.default_rng(0)
    root, labels = tmp_path / "SEED_EEG", np.array(SEED.labels[0], float) - 1
    for folder in ("Preprocessed_EEG", "ExtractedFeatures_1s"):
        (root / folder).mkdir(parents=True)
        savemat(root / folder / "label.mat", {"label": labels[None]})
    seconds = SEED.clip_seconds[0]
    rate_10 = {f"djc_eeg{trial}": 30 * draw.normal(size=(62, 20 * length)) for trial, length in enumerate(seconds, 1)}
    savemat(root / "Preprocessed_EEG/1_20131027.mat", rate_10)
    features = {f"de_LDS{trial}": 20 + draw.normal(size=(62, length, 5)) for trial, length in enumerate(seconds, 1)}
    savemat(root / "ExtractedFeatures_1s/15_20130709.mat", features)
    features["de_LDS4"] = features["de_LDS4"].transpose(0, 2, 1)
    savemat(root / "ExtractedFeatures_1s/15_20131016.mat", features)
    savemat(root / "ExtractedFeatures_1s/label.mat", {"label": labels[None, ::-1]})
    examination = examine(root)
    found = {(finding.code, finding.where) for finding in examination.findings}
    assert {
        ("signal-length", "Preprocessed_EEG/1_20131027.mat"),
        ("partial-layout", "Preprocessed_EEG"),
        ("partial-layout", "ExtractedFeatures_1s"),
        ("wrong-labels", "ExtractedFeatures_1s/label.mat"),
        ("axes-by-size", "ExtractedFeatures_1s/15_20131016.mat"),
    } <= found
    assert codes(examination, "error") == {"missing-folder", "wrong-labels"}
    assert examination.sets[0].use == (f"ufama data features {root} FEATURES --dataset seed",)


def test_eye_events_are_looked_at(tmp_path):
    from scipy.io import savemat

    folder = tmp_path / "eye_raw_data"
    folder.mkdir()
    cells = np.empty((24, 1), object)
    for trial in range(24):
        cells[trial, 0] = np.ones((trial, 2))
    savemat(folder / "1_20160518_saccade.mat", {"Eye_Saccade": cells})
    savemat(folder / "1_20160518_blink.mat", {"Eye_Blink": cells[:20]})
    examination = examine(tmp_path)
    saccades = next(one for one in examination.sets[0].recordings if one.file.endswith("saccade.mat"))
    assert saccades.parts == {f"trial {trial}": trial - 1 for trial in range(1, 25)}
    assert codes(examination, "error") == {"missing-folder", "missing-trial", "wrong-shape"}


def test_a_file_without_permission_is_said_to_be_so(copied, monkeypatch):
    root = copied("seed_iv")
    opened = io.open

    def refused(file, *arguments, **more):
        if str(file) == str(root / IV_EYE):
            raise PermissionError(13, "Permission denied")
        return opened(file, *arguments, **more)

    monkeypatch.setattr("pathlib.io.open", refused)
    examination = examine(root)
    assert codes(examination, "error") == {"unreadable"}
    assert examination.sets[0].ready_subjects == (13,)


def test_nothing_is_written(copied):
    root = copied("seed")
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    examine(root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_the_report_for_scripts_keeps_its_keys(copied):
    steps = []
    report = json.loads(json.dumps(examine(copied("seed"), progress=lambda *step: steps.append(step)).to_json()))
    assert sorted(report) == ["counts", "exit_code", "findings", "report", "root", "sets", "verdict", "version"]
    assert sorted(report["findings"][0]) == [
        "code", "expected", "found", "meaning", "remedy", "session", "severity", "subject", "where",
    ]  # fmt: skip
    assert sorted(report["sets"][0]) == [
        "blocked", "layouts", "name", "people", "ready_subjects", "recordings", "sessions", "simulated", "subjects",
        "title", "use",
    ]  # fmt: skip
    assert sorted(report["sets"][0]["recordings"][0]) == [
        "file", "high", "layout", "low", "median", "modality", "not_finite", "parts", "session", "state", "subject",
        "type",
    ]  # fmt: skip
    assert steps[-1][:2] == (12, 12)


def test_every_code_says_what_it_means_and_what_to_do():
    for code, entry in CODES.items():
        assert entry.severity in SEVERITIES
        assert entry.meaning.endswith(".") and entry.remedy.endswith(".")
        assert Finding(code=code, where=".", found="x").remedy == entry.remedy


@pytest.mark.parametrize(("damage", "code"), [(None, 1), ("wrong labels", 2)])
def test_the_command_shows_all_without_colour_and_ends_with_a_code(damage, code, copied, tmp_path):
    root = copied("seed")
    if damage:
        DAMAGES[damage][1](root)
    result = CliRunner().invoke(app, ["data", "doctor", str(root), "--json", str(tmp_path / "report.json")])
    assert result.exit_code == code
    assert "session 2 ++ ++" in result.stdout
    assert f"session 1 {'x+' if damage else '++'} ++" in result.stdout
    assert json.loads((tmp_path / "report.json").read_text())["exit_code"] == code
    printed = CliRunner().invoke(app, ["data", "doctor", str(root), "--json", "-"])
    assert json.loads(printed.stdout)["counts"]["error"] == (1 if damage else 0)


def test_long_lines_to_copy_are_never_broken(seed_folder):
    out = io.StringIO()
    show(examine(seed_folder), Console(file=out, width=60))
    assert f"-p dataset seed -p data_root {seed_folder}\n" in out.getvalue()
    assert "Simulated SEED is ready, with all 12 people." in out.getvalue().replace("\n", " ")
    assert BANDS[0] not in out.getvalue()


@pytest.mark.parametrize("facts", [SEED, SEED_IV], ids=["seed", "seed_iv"])
def test_the_doctor_knows_every_folder_that_is_read(facts):
    known = {name for release in RELEASES for name in release.folders if release.facts.name == facts.name}
    assert {folder.name for folder in EEG_FOLDERS[facts.name]} | {EYE_FOLDERS[facts.name]} <= known
