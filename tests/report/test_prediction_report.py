"""From raw files to a page: what is written, that it needs no network, and that labels are in no byte of it."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ufama.cli.main import main
from ufama.data.layout import CHANNELS
from ufama.data.signals.recipe import RECIPES, recipe_of
from ufama.models.fit_adapt import fit_model
from ufama.models.folder import save_model
from ufama.models.predictions import predict
from ufama.models.reading import RecordingOptions, read_recording
from ufama.report.prediction_report import drawn, headline, write_prediction
from ufama.report.topography import can_be_drawn
from ufama.simulation.features import simulate
from ufama.simulation.recording_files import write_simulated_recording


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A few steps on three simulated people of SEED, in memory and as a folder."""
    windows = simulate("seed", subjects=[1, 2, 3])
    fitted = fit_model(
        windows, scale="smoke", changes={"encoder_blocks": 1}, recipe=recipe_of(windows.card), source_name="seed"
    )
    return fitted, save_model(fitted, tmp_path_factory.mktemp("model") / "m")


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return write_simulated_recording("seed", tmp_path_factory.mktemp("raw") / "recording", subject=5, seconds=8)


@pytest.fixture(scope="module")
def prediction(model, raw):
    return predict(model[0], read_recording(raw, model[0]))


@pytest.fixture(scope="module")
def written(model, prediction, tmp_path_factory):
    return write_prediction(prediction, model[0], tmp_path_factory.mktemp("out") / "r")


# reading ----------------------------------------------------------------------------------------------


def test_a_folder_an_edf_and_its_named_files_are_the_same_recording(model, raw, tmp_path):
    fitted, _ = model
    whole = read_recording(raw, fitted)
    assert whole.simulated and whole.title == "simulated recording.edf" and len(whole) == 30
    apart = shutil.copy(raw / "recording.edf", tmp_path / "apart.edf")
    files = {name: raw / f"recording_{name}.csv" for name in ("eye", "events", "trials")}
    for other in (
        read_recording(raw / "recording.edf", fitted), read_recording(apart, fitted, RecordingOptions(**files))
    ):  # fmt: skip
        for first, second in zip(whole.windows, other.windows, strict=True):
            np.testing.assert_array_equal(first, second)


def test_a_model_of_both_modalities_asks_for_an_eye_stream_or_for_one_modality(model, raw, tmp_path):
    from ufama.data.layout import DataError

    fitted, _ = model
    apart = shutil.copy(raw / "recording.edf", tmp_path / "apart.edf")
    with pytest.raises(
        DataError, match=r"without an eye stream.*--eye\), or predict from the EEG alone \(option --only"
    ):
        read_recording(apart, fitted)
    alone = read_recording(apart, fitted, RecordingOptions(only="eeg", trials=raw / "recording_trials.csv"))
    assert alone.absent == ("eye",) and set(predict(fitted, alone).used) == {"eeg"}
    shutil.copytree(raw, tmp_path / "damaged")
    (tmp_path / "damaged" / "recording_eye.csv").write_text("nothing")
    blind = read_recording(tmp_path / "damaged", fitted, RecordingOptions(only="eeg"))  # the eyes are not looked at
    np.testing.assert_array_equal(blind.windows.eeg, alone.windows.eeg)
    eyes = raw / "recording_eye.csv"
    with pytest.raises(DataError, match="is no EEG recording"):
        read_recording(eyes, fitted)
    options = RecordingOptions(
        only="eye", events=raw / "recording_events.csv", trials=raw / "recording_trials.csv", subject=9, session=2
    )
    alone = read_recording(eyes, fitted, options)
    assert alone.absent == ("eeg",) and set(map(tuple, alone.places)) == {(9, 2)}
    np.testing.assert_array_equal(alone.windows.eye, read_recording(raw, fitted).windows.eye)


def test_one_subject_session_of_a_release_is_read_without_its_labels(model, seed_folder):
    fitted, _ = model
    read = read_recording(seed_folder, fitted, RecordingOptions(subject=10, session=2))
    assert len(read) == 842 and set(map(tuple, read.places)) == {(10, 2)}
    assert any("were not read for the prediction" in note for note in read.notes)


# the page ---------------------------------------------------------------------------------------------


def test_everything_is_written_and_known_again(model, prediction, written):
    names = {"predictions.csv", "trials.csv", "timeline.png", "topography.png", "report.html", "prediction.json"}
    assert {path.name for path in written.iterdir()} == names
    windows = pd.read_csv(written / "predictions.csv")
    assert len(windows) == 30 and windows["class"].tolist() == prediction.windows_table()["class"].tolist()
    note = json.loads((written / "prediction.json").read_text())
    assert note["written_by"] == "ufama predict" and note["simulated"] is True and note["score"] is None
    before = {path.name: path.read_bytes() for path in written.iterdir()}
    write_prediction(prediction, model[0], written)
    assert {path.name: path.read_bytes() for path in written.iterdir()} == before


def test_the_page_needs_no_network_and_says_first_that_it_is_simulated(written):
    page = (written / "report.html").read_text()
    assert not re.search(r"""(src|href|action)\s*=\s*["'](?!data:image/png;base64,)""", page)
    assert not re.search(r"https?:|@import|url\(|<script|<link|<iframe", page)
    body = page[page.index("<main>") :]
    assert body.index("Simulated: nobody was recorded") < body.index("<h1>") < body.index("What was predicted")
    assert 'name="viewport"' in page and "prefers-color-scheme: dark" in page
    assert page.count("<img") == 2 and not re.search(r'alt="\s*"', page)
    assert "describe this network, not the brain" in page and "no medical finding" in page


def test_a_page_states_what_it_does_not_know_and_what_was_warned_of(model, prediction):
    from ufama.report.prediction_page import report_page

    doubtful = replace(prediction, warnings=("The tracker <b>was</b> off.",))
    page = report_page(doubtful, {}, None, {"windows": 30, "accuracy": 0.4, "trials": 15, "trial_accuracy": 0.6})
    assert "The tracker &lt;b&gt;was&lt;/b&gt; off." in page
    assert "not estimated, because nobody was held out" in page and "Probabilities are not calibrated" in page
    assert "40.0 % of 30 windows and 60.0 % of 15 trials are right" in page
    assert "scale smoke: too short a training" in page
    real = replace(prediction, recording=replace(prediction.recording, simulated=False))
    assert "A real recording, predicted by a model of simulated people" in report_page(real, {}, None)


def test_several_recordings_have_a_timeline_each(model, prediction):
    windows = prediction.recording.windows
    session = np.repeat([1, 2], 15)
    two = replace(prediction, recording=replace(prediction.recording, windows=windows._replace(session=session)))
    assert set(drawn(two, None)) == {"timeline_subject1_session1", "timeline_subject1_session2"}


def test_a_line_for_the_terminal(prediction):
    assert re.fullmatch(
        r"30 windows: negative \d+ %, neutral \d+ %, positive \d+ %; accuracy not estimated\.", headline(prediction)
    )


def test_maps_are_drawn_of_electrodes_alone():
    assert can_be_drawn(CHANNELS) and can_be_drawn(RECIPES["EEGMAT"].channels)
    assert not can_be_drawn(("pulse",)) and not can_be_drawn([f"E{k}" for k in range(20)])


# the command ------------------------------------------------------------------------------------------


def command(monkeypatch, capsys, *words):
    monkeypatch.setattr("sys.argv", ["ufama", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code, *capsys.readouterr()


def test_the_command_reads_labels_only_to_score(model, raw, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("ufama.report.prediction_report.occlusion", lambda *_: None)  # takes seconds
    _, folder = model
    outs = []
    for name, labels in (("a", None), ("b", "trial,class\n" + "".join(f"{k},positive\n" for k in range(1, 16)))):
        copy = tmp_path / name / "recording"
        shutil.copytree(raw, copy)
        (copy / "recording_labels.csv").unlink()
        if labels:
            (copy / "recording_labels.csv").write_text(labels)
        code, printed, message = command(monkeypatch, capsys, "predict", folder, copy, "--out", tmp_path / name / "r")
        assert code == 0, message
        assert "30 windows: " in printed and "report.html" in printed
        outs.append({path.name: path.read_bytes() for path in (tmp_path / name / "r").iterdir()})
    differing = {name for name in outs[0] if outs[0][name] != outs[1][name]}
    assert differing <= {"report.html", "prediction.json"}  # they state the milliseconds per window
    code, printed, _ = command(
        monkeypatch, capsys, "predict", folder, tmp_path / "b" / "recording", "--out", tmp_path / "b" / "r", "--score"
    )
    share = (pd.read_csv(tmp_path / "b" / "r" / "predictions.csv")["class"] == "positive").mean()
    assert code == 0 and f"By the labels, {100 * share:.1f} % of windows" in printed
    code, _, message = command(
        monkeypatch, capsys, "predict", folder, tmp_path / "a" / "recording", "--out", tmp_path / "a" / "r", "--score"
    )
    assert code == 2 and "recording_labels.csv is missing, so predictions cannot be scored" in message


def test_a_replay_prints_a_line_after_each_trial(model, raw, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("ufama.report.prediction_report.occlusion", lambda *_: None)
    code, printed, _ = command(monkeypatch, capsys, "predict", model[1], raw, "--out", tmp_path / "r", "--causal")
    lines = [line for line in printed.splitlines() if " s  trial " in line]
    assert code == 0 and len(lines) == 15 and "ms per window" in printed
    assert lines[0].strip().startswith("8.0 s  trial 1: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", "no", "r.edf", "--out", "o", "--only", "ears"], "choose one of eeg, eye"),
        (["predict", "no", "r.edf", "--out", "o", "--device", "abacus"], "device = 'abacus' cannot be used here"),
        (["predict", "no", "r.edf", "--out", "o", "--source", "seed"], "--source belongs to --adapt"),
        (["predict", "no", "r.edf", "--out", "o", "--abstain-risk", "2"], "abstain-risk"),
        (["predict", "no", "r.edf", "--out", "o"], "expected the folder of a model"),
        (["fit", "seeed", "--out", "o"], "source 'seeed' is not known: expected seed, seed_iv"),
        (["fit", "seed", "--out", "o", "--method", "nosuch"], "method 'nosuch' is not known"),
        (["fit", "seed", "--out", "o", "--seeds", "0,0"], "each once"),
        (["fit", "seed", "--out", "o", "--variant", "M9"], "variant 'M9' is not known"),
        (["fit", "seed", "--out", "o", "--rule", "oracle"], "choose one of source_validation, last"),
        (["fit", "seed", "--out", "o", "--held-out", "some"], "choose one of people, all, none"),
        (["fit", "seed", "--out", "o", "--device", "abacus"], "device = 'abacus' cannot be used here"),
        (["export", "no", "model.pt"], "expected one that ends in .onnx"),
    ],
)
def test_what_cannot_be_is_one_sentence_before_anything_is_read(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ufama.datasets.open_dataset", lambda *_, **__: pytest.fail("recordings were read"))
    code, printed, error = command(monkeypatch, capsys, *words)
    assert code == 2 and message in error and len(error.strip().splitlines()) == 1 and not printed
    assert not list(tmp_path.iterdir())
