"""What a model accepts as a recording, and the one sentence by which everything else is refused."""

from dataclasses import replace

import numpy as np
import pytest

from ufama.data.layout import DataError
from ufama.data.two_modality import has_labels, write_two_modality
from ufama.models.predictions import predict
from ufama.models.reading import RecordingOptions, read_labels, read_recording
from ufama.models.recordings import Recording, prepared


@pytest.fixture(scope="module")
def person(small):
    return small.select(small.subject == 2)


@pytest.fixture(scope="module")
def recording(person, model, tmp_path_factory):
    path = write_two_modality(tmp_path_factory.mktemp("tables") / "person.npz", person)
    return read_recording(path, model)


def with_values(recording, **arrays):
    return replace(recording, windows=recording.windows._replace(**arrays))


def refusal(recording, model):
    with pytest.raises(DataError) as refused:
        prepared(recording, model)
    message = str(refused.value)
    assert "\n" not in message and message.endswith(".") and len(message) < 400
    return message


# tables -----------------------------------------------------------------------------------------------


def rewritten(path, out, change):
    with np.load(path) as archive:
        members = dict(archive)
    change(members)
    np.savez(out, **members)
    return out


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
def test_labels_permuted_or_removed_change_no_byte_of_the_predictions(ending, person, model, tmp_path):
    path = write_two_modality(tmp_path / f"a{ending}", person)
    rng = np.random.default_rng(0)
    if ending == ".npz":
        permuted = rewritten(path, tmp_path / "b.npz", lambda m: m.update(label=rng.permutation(m["label"])))
        strange = rewritten(path, tmp_path / "c.npz", lambda m: m.update(label=np.full(len(m["label"]), "angry")))
        removed = rewritten(path, tmp_path / "d.npz", lambda m: m.pop("label"))
    else:
        import pandas as pd

        frame = pd.read_parquet(path)
        permuted, strange, removed = (tmp_path / f"{name}.parquet" for name in "bcd")
        frame.assign(label=rng.permutation(frame["label"])).to_parquet(permuted)
        frame.assign(label="angry").to_parquet(strange)
        frame.drop(columns="label").to_parquet(removed)
    tables = []
    for file in (path, permuted, strange, removed):
        read = read_recording(file, model)
        assert any("labels, which were not read" in note for note in read.notes) == (file != removed)
        tables.append(predict(model, read).windows_table().to_csv())
    assert len(set(tables)) == 1
    assert has_labels(path) and not has_labels(removed)


def test_a_table_without_subject_session_and_trial_is_one_recording(person, model, tmp_path):
    path = write_two_modality(tmp_path / "a.npz", person.select(person.session == 1))
    bare = rewritten(
        path, tmp_path / "b.npz", lambda m: [m.pop(name) for name in ("label", "subject", "session", "trial", "window")]
    )
    read = read_recording(bare, model)
    assert set(map(tuple, read.places)) == {(1, 1)} and set(read.windows.trial) == {1}
    np.testing.assert_array_equal(read.windows.window, np.arange(len(read)))


def test_a_subject_and_session_are_chosen_and_unknown_ones_refused(small, model, tmp_path):
    path = write_two_modality(tmp_path / "a.npz", small)
    read = read_recording(path, model, RecordingOptions(subject=3, session=2))
    assert set(map(tuple, read.places)) == {(3, 2)}
    labels = read_labels(path, read, model, RecordingOptions(subject=3, session=2))
    np.testing.assert_array_equal(labels.label, small.label[(small.subject == 3) & (small.session == 2)])
    with pytest.raises(DataError, match=r"no subject 7: choose from 1, 2, 3, 4 \(option --subject\)"):
        read_recording(path, model, RecordingOptions(subject=7))


def test_labels_are_read_only_where_there_are_some(person, model, tmp_path):
    path = write_two_modality(tmp_path / "a.npz", person)
    bare = rewritten(path, tmp_path / "b.npz", lambda m: m.pop("label"))
    with pytest.raises(DataError, match="no labels, so predictions cannot be scored"):
        read_labels(bare, read_recording(bare, model), model, RecordingOptions())
    renamed = replace(person, card=replace(person.card, class_names=("class 0", "joy", "class 2")))
    path = write_two_modality(tmp_path / "c.npz", renamed)
    with pytest.raises(DataError, match="the class joy, which the model does not know"):
        read_labels(path, read_recording(path, model), model, RecordingOptions())


def test_other_things_than_recordings_are_named(model, tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.npz is missing"):
        read_recording(tmp_path / "nowhere.npz", model)
    (tmp_path / "r.edf").write_bytes(b"0")
    with pytest.raises(DataError, match="does not know how they are computed"):
        read_recording(tmp_path / "r.edf", model)
    (tmp_path / "s.bdf").write_bytes(b"0")
    with pytest.raises(DataError, match=r"holds 2 raw recordings \(r\.edf, s\.bdf"):
        read_recording(tmp_path, model)
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="no release in folders"):
        read_recording(tmp_path / "folder", model)
    with pytest.raises(DataError, match="only raw recordings have it"):
        read_recording(tmp_path / "folder", model, RecordingOptions(trials="t.csv", unit="V"))


# into the model's form --------------------------------------------------------------------------------


def test_order_and_case_of_names_change_nothing(recording, model):
    rng = np.random.default_rng(1)
    tokens, features, columns = rng.permutation(7), rng.permutation(3), rng.permutation(5)
    windows = recording.windows
    other = with_values(
        replace(
            recording,
            eeg_tokens=tuple(recording.eeg_tokens[place].lower() for place in tokens),
            eeg_features=tuple(recording.eeg_features[place] for place in features),
            eye_features=tuple(recording.eye_features[place].upper() for place in columns),
        ),
        eeg=windows.eeg[:, tokens][:, :, features],
        eye=windows.eye[:, columns],
    )
    assert other.eeg_tokens != recording.eeg_tokens
    ready, expected = prepared(other, model), prepared(recording, model)
    np.testing.assert_array_equal(ready.windows.eeg, expected.windows.eeg)
    np.testing.assert_array_equal(ready.windows.eye, expected.windows.eye)


def test_synonyms_of_channels_are_known(recording, model):
    names = ("T7", "T8", "P7", "P8", "FZ", "CZ", "PZ")
    named = model.replace(card=replace(model.card, eeg_tokens=names))
    other = replace(recording, eeg_tokens=("EEG T3", "T4-Ref", "T5", "t6", "Fz", "Cz-LE", "EEG Pz"))
    assert prepared(other, named).eeg_tokens == names


def test_what_the_model_does_not_know_is_left_out_and_named(recording, model):
    more = with_values(
        replace(recording, eeg_tokens=(*recording.eeg_tokens, "EXTRA")),
        eeg=np.concatenate([recording.windows.eeg, recording.windows.eeg[:, :1]], axis=1),
    )
    ready = prepared(more, model)
    assert any("EXTRA" in note for note in ready.notes)
    np.testing.assert_array_equal(ready.windows.eeg, prepared(recording, model).windows.eeg)


def test_a_channel_short_is_refused_never_filled(recording, model):
    short = with_values(replace(recording, eeg_tokens=recording.eeg_tokens[:-1]), eeg=recording.windows.eeg[:, :-1])
    assert "lacks 1 of the model's 7: EEG channel E6" in refusal(short, model)


def test_features_that_are_not_the_models_are_refused(recording, model):
    assert "EEG feature middle" in refusal(replace(recording, eeg_features=("low", "centre", "high")), model)
    other = replace(recording, eye_features=("rr", *recording.eye_features[1:]))
    assert "feature of the second modality eye_0" in refusal(other, model)


def test_no_window_and_one_window_are_refused(recording, model):
    assert "has no windows: expected at least 2" in refusal(recording.select(np.array([], int)), model)
    assert "one window of subject 2, session 1" in refusal(recording.select(np.array([0])), model)
    by_source = model.replace(training=model.training.replace(scaling="source_zscore"))
    assert len(prepared(recording.select(np.array([0])), by_source)) == 1  # the source's range needs no recording


def test_another_length_of_windows_is_refused(recording, model):
    assert "windows of 1 s, the model knows windows of 4 s" in refusal(replace(recording, window_seconds=1.0), model)
    assert len(prepared(replace(recording, window_seconds=0.0), model)) == len(recording)


def test_other_names_of_classes_are_refused(recording, model):
    other = replace(recording, class_names=("calm", "joy"))
    assert "names the classes calm, joy, the model's are class 0, class 1, class 2" in refusal(other, model)


@pytest.mark.parametrize(("modality", "name"), [("eeg", "EEG"), ("eye", "second modality")])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(recording, model, modality, name, value):
    values = getattr(recording.windows, modality).copy()
    values[5, 0] = value
    message = refusal(with_values(recording, **{modality: values}), model)
    assert f"the {name} has NaN or infinite values in 1 windows (first: row 5)" in message


def test_another_unit_or_definition_is_refused(recording, model):
    statistics = model.statistics
    width = float(np.median(statistics.eeg_high - statistics.eeg_low))
    shifted = with_values(recording, eeg=recording.windows.eeg + np.float32(2.5 * width))  # a logarithm's unit
    assert "the values of the EEG are on another scale" in refusal(shifted, model)
    assert "volts for microvolts" in refusal(with_values(recording, eeg=recording.windows.eeg * 1e6), model)
    assert "second modality" in refusal(with_values(recording, eye=recording.windows.eye + 1e4), model)


def test_every_source_person_is_on_the_models_own_scale(small, recording, model):
    for subject in np.unique(small.subject):
        rows = small.subject == subject
        own = Recording(**{**vars(recording), "windows": recording.windows._replace(
            **{name: getattr(small, name)[rows] for name in recording.windows._fields}
        ), "start_seconds": np.zeros(rows.sum())})  # fmt: skip
        prepared(own, model)


def test_a_feature_that_is_not_known_is_neutral(recording, model):
    from ufama.models.inference import scaled_recording

    eye = recording.windows.eye.copy()
    eye[:, 3] = np.nan
    ready = prepared(with_values(recording, eye=eye), model)
    assert (scaled_recording(model, ready.windows).eye[:, 3] == 0).all()
    whole = scaled_recording(model, prepared(recording, model).windows).eye
    np.testing.assert_array_equal(
        np.delete(scaled_recording(model, ready.windows).eye, 3, axis=1), np.delete(whole, 3, axis=1)
    )


def test_an_absent_modality_is_zeros_of_the_models_shape(recording, model):
    only = replace(recording, absent=("eye",), eye_features=())
    assert prepared(only, model).windows.eye.shape == (len(recording), 5)
