"""The doctor names what is wrong with a folder, and nothing else; it says what it means and what to do."""

import io
import json
import os
import re
import shutil

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from tests.data.damages import (
    DAMAGES,
    IV_EEG,
    IV_EYE,
    LATER_EYE,
    SEED_EEG,
    SUBJECTS,
    WARNINGS,
    change_mat,
    change_npz,
    cut_short,
    first_window_left_out,
    on,
    put,
    replace_file,
)
from ufama.cli.main import app
from ufama.data.layout import BANDS, SEED, SEED_IV, DataError
from ufama.data.releases.doctor import examine
from ufama.data.releases.doctor.display import show
from ufama.data.releases.findings import FindingError
from ufama.data.releases.recordings import MARKER, read_recordings

DATASET = {"seed": "seed", "seed_iv": "seed_iv", "seed_mat": "seed"}
ABSENT = {"missing-person", "partial-layout"}  # the copies hold few subjects, and their 1-s windows fewer


def codes(examination, severity):
    return {finding.code for finding in examination.findings if finding.severity == severity}


@pytest.mark.parametrize("dataset", ["seed", "seed_iv"])
def test_a_good_folder_is_ready(dataset, as_real):
    root = as_real(dataset)
    examination = examine(root)
    (examined,) = examination.sets
    assert codes(examination, "error") == set()
    assert codes(examination, "warning") == {"missing-person"}
    assert (examined.name, examined.simulated, examination.exit_code) == (dataset, False, 1)
    assert examined.subjects == examined.ready_subjects == SUBJECTS[dataset]
    assert [(layout.folder, layout.files) for layout in examined.layouts if layout.read] == [
        (folder, 6) for folder in {"seed": ("eeg_used_4s", "eye_tracking_feature"),
                                   "seed_iv": ("eeg_feature_smooth", "eye_feature_smooth")}[dataset]
    ]  # fmt: skip
    facts = {"seed": SEED, "seed_iv": SEED_IV}[dataset]
    for recording in examined.recordings:
        assert sum(recording.parts.values()) == sum(facts.window_counts[recording.session - 1])
        assert recording.state == "good" and recording.not_finite == {} and recording.type == "float64"
    read = read_recordings(dataset, root, subjects=examined.ready_subjects)
    assert len(read) == sum(sum(recording.parts.values()) for recording in examined.recordings) / 2


@pytest.mark.parametrize("damage", [*DAMAGES, *WARNINGS])
def test_each_damage_is_named_and_reading_ends_in_an_error_exactly_where_the_doctor_finds_one(
    damage, as_real, monkeypatch, tmp_path
):
    """Strict reading raises one of the doctor's errors, and only where there are some; also subject by subject."""
    monkeypatch.chdir(tmp_path)
    copy, do, expected, where, found = (DAMAGES | WARNINGS)[damage]
    root, dataset = as_real(copy), DATASET[copy]
    do(root)
    examination = examine(root, dataset)
    warnings = codes(examination, "warning") - ABSENT
    if damage in WARNINGS:
        assert (codes(examination, "error"), warnings) == (set(), expected)
        assert examination.sets[0].ready_subjects == SUBJECTS[copy]
    else:
        assert codes(examination, "error") == expected
        assert warnings <= {"unexpected-file", "unexpected-date"} and examination.exit_code == 2
    here = [finding for finding in examination.findings if finding.where == where]
    assert any(re.search(found, finding.found) for finding in here if finding.code in expected or not expected)

    errors = [finding for finding in examination.findings if finding.severity == "error"]
    try:
        read_recordings(dataset, root, subjects=SUBJECTS[copy])
    except FindingError as error:
        assert error.finding in errors
        assert str(error).startswith(f"{root / error.finding.where}".rstrip("/."))
        assert str(error).endswith(error.finding.remedy)
    else:
        assert errors == []
    ready = {subject for examined in examination.sets for subject in examined.ready_subjects}
    for subject in SUBJECTS[copy]:
        if subject in ready:
            read_recordings(dataset, root, subjects=[subject])
        else:
            with pytest.raises(DataError):
                read_recordings(dataset, root, subjects=[subject])
    assert not (tmp_path / "executed").exists()


def test_it_goes_on_after_the_first_problem(as_real):
    root = as_real("seed_iv")
    cut_short(root / IV_EEG)
    change_mat(root / IV_EYE, first_window_left_out("eye_24"))
    change_mat(root / LATER_EYE, lambda content: (content.pop("eye_2"), on("eye_3", np.transpose)(content)))
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
    assert "after" in next(finding.found for finding in examination.findings if finding.code == "damaged-file")


def test_a_simulated_set_says_so_and_a_changed_file_in_it_is_an_error(tmp_path, seed_iv_folder):
    root = shutil.copytree(seed_iv_folder, tmp_path / "set", copy_function=os.link)
    examination = examine(root)
    assert (examination.exit_code, codes(examination, "note")) == (0, {"simulated", "clip-fingerprint"})
    assert examination.verdict == "Simulated SEED-IV is ready, with all 2 subjects. Nothing is wrong."
    change_mat(root / IV_EYE, on("eye_1", put((0, 0), 50.0)))
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
        replace_file(root / MARKER, content)
        assert "damaged-marker" in codes(examine(root), "error")


def test_both_sets_in_one_tree_and_every_inner_folder_are_found(seed_folder, seed_iv_folder, tmp_path):
    for name, folder in (("seed", seed_folder), ("seed_iv", seed_iv_folder)):
        (tmp_path / name).symlink_to(folder)
    assert [examined.name for examined in examine(tmp_path).sets] == ["seed", "seed_iv"]
    assert [examined.name for examined in examine(tmp_path, "seed").sets] == ["seed"]
    assert examine(seed_iv_folder / "eye_feature_smooth/2").root == seed_iv_folder
    assert examine(seed_folder / SEED_EEG).sets[0].ready_subjects == SUBJECTS["seed"]
    with pytest.raises(DataError, match="'deap' is not known"):
        examine(tmp_path, "deap")


def test_a_renamed_folder_is_recognised_by_its_files(as_real):
    root = as_real("seed_iv")
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
    change_npz(small_table, lambda members: members.pop("trial"))
    examination = examine(small_table)
    assert codes(examination, "error") == {"unusable-table"}
    assert "trial" in examination.findings[0].found


def test_signals_label_vectors_and_mat_features_of_seed(tmp_path):
    """Layouts that are not read by default, written here with noise of two subjects."""
    from scipy.io import savemat

    draw = np.random.default_rng(0)
    root, labels = tmp_path / "eeg", np.array(SEED.labels[0], float) - 1
    for folder in ("Preprocessed_EEG", "ExtractedFeatures_1s"):
        (root / folder).mkdir(parents=True)
        savemat(root / folder / "label.mat", {"label": labels[None]})
    seconds = SEED.clip_seconds[0]
    rate_10 = {f"djc_eeg{trial}": 30 * draw.normal(size=(62, 20 * length)) for trial, length in enumerate(seconds, 1)}
    savemat(root / "Preprocessed_EEG/1_20131027.mat", rate_10)
    features = {f"de_LDS{trial}": 20 + draw.normal(size=(62, length, 5)) for trial, length in enumerate(seconds, 1)}
    savemat(root / "ExtractedFeatures_1s/15_20130709.mat", features)
    features = {name: values + 0.5 for name, values in features.items()}
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
    saccades = next(recording for recording in examination.sets[0].recordings if recording.file.endswith("saccade.mat"))
    assert saccades.parts == {f"trial {trial}": trial - 1 for trial in range(1, 25)}
    assert codes(examination, "error") == {"missing-folder", "missing-trial", "wrong-shape"}


def test_a_file_without_permission_is_said_to_be_so(as_real, monkeypatch):
    root = as_real("seed_iv")
    opened = io.open

    def refused(file, *arguments, **more):
        if str(file) == str(root / IV_EYE):
            raise PermissionError(13, "Permission denied")
        return opened(file, *arguments, **more)

    monkeypatch.setattr("pathlib.io.open", refused)
    examination = examine(root)
    assert codes(examination, "error") == {"unreadable"}
    assert examination.sets[0].ready_subjects == (13,)


def test_nothing_is_written(as_real):
    root = as_real("seed")
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    examine(root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_the_report_for_scripts_keeps_its_keys(as_real):
    steps = []
    report = json.loads(json.dumps(examine(as_real("seed"), progress=lambda *step: steps.append(step)).to_json()))
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


@pytest.mark.parametrize(("damage", "code"), [(None, 1), ("wrong labels", 2)])
def test_the_command_shows_all_without_colour_and_ends_with_a_code(damage, code, as_real, tmp_path):
    root = as_real("seed")
    if damage:
        DAMAGES[damage].do(root)
    result = CliRunner().invoke(app, ["data", "doctor", str(root), "--json", str(tmp_path / "report.json")])
    assert result.exit_code == code
    assert "session 2 ++ ++" in result.stdout
    assert f"session 1 {'x+' if damage else '++'} ++" in result.stdout
    assert json.loads((tmp_path / "report.json").read_text())["exit_code"] == code
    printed = CliRunner().invoke(app, ["data", "doctor", str(root), "--json", "-"])
    assert json.loads(printed.stdout)["counts"]["error"] == (1 if damage else 0)


def test_long_lines_to_copy_are_never_broken(whole_seed_folder):
    out = io.StringIO()
    show(examine(whole_seed_folder), Console(file=out, width=60))
    assert f"-p dataset seed -p data_root {whole_seed_folder}\n" in out.getvalue()
    assert "Simulated SEED is ready, with all 12 subjects." in out.getvalue().replace("\n", " ")
    assert BANDS[0] not in out.getvalue()
