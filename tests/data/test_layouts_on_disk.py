"""Every released folder of features is read to the same windows; what was chosen is said; what is wrong is named."""

import json
import os
import shutil
from dataclasses import asdict

import numpy as np
import pytest

import ufama.datasets
from tests.data.damages import MAT, SEED_EYE, change_mat, change_npz, change_pickle, on
from ufama.data.layout import CHANNELS, EVENT_FEATURES, FEATURE_TOKENS, SEED, SEED_FEATURES, DataError
from ufama.data.releases import recordings
from ufama.data.releases.findings import FindingError
from ufama.data.releases.recordings import MARKER, read_recordings
from ufama.data.windows import DataCard, constants_marked
from ufama.datasets import open_dataset
from ufama.simulation.features import SETTINGS, World, fingerprint, simulate
from ufama.simulation.files import write_simulated

ARRAYS = ("eeg", "eye", "label", "subject", "session", "trial", "clip", "window")
SECONDS = "SEED_Multimodal/Chinese/02-EEG-DE-feature/eeg_used_1s"
SESSIONS = ("10_20131130", "10_20131204", "10_20131211")


@pytest.fixture(scope="session")
def old_copy(tmp_path_factory):
    """Person 10 with the 1-s .mat files, as older copies name their folder."""
    return write_simulated("seed", tmp_path_factory.mktemp("sets") / "old", subjects=[10], also=["ExtractedFeatures"])


@pytest.fixture
def licensed(tmp_path, seed_layouts_folder):
    """A copy without the marker; files are links, so replace them, never write into them."""
    root = tmp_path / "copy"
    shutil.copytree(seed_layouts_folder, root, copy_function=os.link)
    (root / MARKER).unlink()
    return root


def in_the_order_of_names(content):
    for name in sorted(content):
        content[name] = content.pop(name)


def by_second(values, windows):
    """Slow twin of the simulated 1-s features: one trial, electrode and band at a time."""
    rows = []
    for session in SEED.sessions:
        for trial, seconds in enumerate(SEED.clip_seconds[session - 1], start=1):
            four = values[(windows.session == session) & (windows.trial == trial)].reshape(seconds // 4, -1)
            middles, times = 4 * np.arange(len(four)) + 2, np.arange(seconds) + 0.5
            rows.append(np.stack([np.interp(times, middles, column) for column in four.T], axis=1))
    return np.round(np.concatenate(rows) * 1024) / 1024


# the same windows from every layout ------------------------------------------------------------------


def test_the_4_s_mat_files_hold_the_same_windows_as_the_archives(seed_layouts_folder):
    read = read_recordings("seed", seed_layouts_folder, eeg="ExtractedFeatures_4s", subjects=[10])
    expected = simulate("seed", subjects=[10])
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(read, name), getattr(expected, name), err_msg=name)
    assert read.card.window_seconds == 4
    assert read.card.notes[0].startswith("The EEG was read from ExtractedFeatures_4s, feature de_LDS;")


@pytest.mark.parametrize("eeg", ["eeg_used_1s", "ExtractedFeatures"])
def test_1_s_windows_have_the_eye_features_of_their_four_seconds(eeg, seed_layouts_folder, old_copy):
    root = {"eeg_used_1s": seed_layouts_folder, "ExtractedFeatures": old_copy}[eeg]
    read = read_recordings("seed", root, eye="repeated", subjects=[10])
    assert read.card.notes[0].startswith(f"The EEG was read from {eeg}, ")
    four = simulate("seed", subjects=[10])
    assert len(read) == 3 * 3394
    assert read.card.window_seconds == 1
    np.testing.assert_array_equal(read.eeg.reshape(len(read), -1), by_second(four.eeg.astype(float), four))
    rows = {
        key: place
        for place, key in enumerate(zip(four.session.tolist(), four.trial.tolist(), four.window.tolist(), strict=True))
    }
    for place in range(0, len(read), 7):
        session, trial, window = (int(getattr(read, name)[place]) for name in ("session", "trial", "window"))
        last = SEED.window_counts[session - 1][trial - 1] - 1
        four_place = rows[session, trial, min(window // 4, last)]
        np.testing.assert_array_equal(read.eye[place], four.eye[four_place])
        assert (read.label[place], read.clip[place]) == (four.label[four_place], four.clip[four_place])
    assert "each of their rows was repeated" in read.card.notes[1]


@pytest.mark.parametrize("feature", SEED_FEATURES)
def test_every_feature_is_read_with_its_own_rows(feature, seed_layouts_folder):
    read = read_recordings("seed", seed_layouts_folder, eeg="ExtractedFeatures_4s", feature=feature, subjects=[10])
    kind, smoothing = feature.split("_")
    assert read.eeg.shape == (3 * 842, FEATURE_TOKENS[kind], 5)
    assert len(set(read.card.eeg_tokens)) == FEATURE_TOKENS[kind]
    entropy = read_recordings(
        "seed", seed_layouts_folder, eeg="ExtractedFeatures_4s", feature=f"de_{smoothing}", subjects=[10]
    )
    fp1, fp2, ft7, tp7 = (entropy.eeg[:, CHANNELS.index(name)] for name in ("FP1", "FP2", "FT7", "TP7"))
    if kind == "psd":
        np.testing.assert_allclose(np.log2(100 * read.eeg), entropy.eeg, atol=1e-3)
    elif kind in ("dasm", "asm"):
        np.testing.assert_allclose(read.eeg[:, 0], fp1 - fp2, atol=1e-6)
    elif kind == "rasm":
        np.testing.assert_allclose(read.eeg[:, 0], fp1 / fp2, atol=1e-5)
    elif kind == "dcau":
        np.testing.assert_allclose(read.eeg[:, 14], ft7 - tp7, atol=1e-6)


def test_variables_lie_in_the_file_where_readers_that_count_expect_them(seed_layouts_folder):
    from scipy.io import loadmat

    content = loadmat(seed_layouts_folder / MAT / f"{SESSIONS[0]}.mat", verify_compressed_data_integrity=False)
    names = [name for name in content if not name.startswith("__")]
    assert len(names) == 180
    assert names[12 * 3 : 12 * 4] == [f"{feature}4" for feature in SEED_FEATURES]
    assert content["de_LDS4"].shape == (62, 59, 5) and content["dcau_LDS15"].shape == (23, 51, 5)
    label = loadmat(seed_layouts_folder / MAT / "label.mat")["label"]
    assert label.shape == (1, 15) and label[0].tolist() == [1, 0, -1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 0, 1, -1]


@pytest.mark.parametrize("feature", ["de_movingAve", "psd_LDS", "psd_movingAve"])
def test_seed_iv_features_are_read_by_name(feature, seed_iv_folder):
    read = read_recordings("seed_iv", seed_iv_folder, feature=feature, subjects=[2])
    usual = read_recordings("seed_iv", seed_iv_folder, subjects=[2])
    assert read.card.notes == (f"The EEG was read from eeg_feature_smooth, feature {feature}.",)
    assert read.card.fingerprint != usual.card.fingerprint
    np.testing.assert_array_equal(read.eye, usual.eye)
    if feature == "psd_LDS":
        np.testing.assert_allclose(np.log2(100 * read.eeg), usual.eeg, atol=1e-3)
    else:
        assert not np.array_equal(read.eeg, usual.eeg)


# subjects, sessions, axes ----------------------------------------------------------------------------


def test_subjects_without_eye_movement_are_read_where_the_eyes_are_not_asked_for(seed_layouts_folder):
    read = read_recordings("seed", seed_layouts_folder, eeg="ExtractedFeatures_4s", eye="none", subjects=[10, 6])
    assert sorted(set(read.subject)) == [6, 10]
    assert (read.eye.shape, read.card.eye_features) == ((len(read), 0), ())
    expected = np.concatenate([World("seed", SETTINGS).eeg(6, session) for session in (1, 2, 3)])
    np.testing.assert_array_equal(read.eeg[read.subject == 6], expected)
    assert "The EEG was read alone: there are no eye features." in read.card.notes
    with pytest.raises(DataError, match=r'subject 6 of SEED has EEG alone.*eye="none" and eeg= one of Extracted'):
        read_recordings("seed", seed_layouts_folder, subjects=[6])


def test_a_session_is_that_of_the_subjects_own_date_or_of_its_number(licensed):
    first = read_recordings("seed", licensed, eeg="ExtractedFeatures_4s", subjects=[10])
    for session, name in ((1, SESSIONS[1]), (2, SESSIONS[0]), (3, SESSIONS[2])):
        (licensed / MAT / f"{name}.mat").rename(licensed / MAT / f"10_{session}.mat")
    moved = read_recordings("seed", licensed, eeg="ExtractedFeatures_4s", subjects=[10])
    for session, before in ((1, 2), (2, 1), (3, 3)):
        np.testing.assert_array_equal(moved.eeg[moved.session == session], first.eeg[first.session == before])
    assert "10_1.mat has the number of its session in the place of its date" in moved.card.notes[-1]


@pytest.mark.parametrize(("date", "code"), [("20990101", "unknown-session"), ("20131399", "unknown-session"),
                                            ("123", "unknown-session"), ("20140404", "wrong-subject")])  # fmt: skip
def test_a_date_that_is_not_the_subjects_own_tells_no_session(date, code, licensed):
    (licensed / MAT / f"{SESSIONS[2]}.mat").rename(licensed / MAT / f"10_{date}.mat")
    with pytest.raises(FindingError) as error:
        read_recordings("seed", licensed, eeg="ExtractedFeatures_4s", subjects=[10])
    assert (error.value.finding.code, error.value.finding.where) == (code, f"{MAT}/10_{date}.mat")


def test_trials_are_told_apart_by_their_numbers_not_by_their_place_in_the_file(licensed):
    first = read_recordings("seed", licensed, eeg="ExtractedFeatures_4s", subjects=[10])
    change_mat(licensed / MAT / f"{SESSIONS[0]}.mat", in_the_order_of_names)
    again = read_recordings("seed", licensed, eeg="ExtractedFeatures_4s", subjects=[10])
    np.testing.assert_array_equal(again.eeg, first.eeg)


@pytest.mark.parametrize("axes", [(0, 2, 1), (1, 0, 2), (2, 1, 0)])
def test_axes_of_seed_are_told_apart_by_their_lengths_and_the_card_says_so(axes, licensed):
    first = read_recordings("seed", licensed, eeg="ExtractedFeatures_4s", subjects=[10])
    change_mat(licensed / MAT / f"{SESSIONS[1]}.mat", on(r"de_LDS\d+", lambda values: values.transpose(axes)))
    again = read_recordings("seed", licensed, eeg="ExtractedFeatures_4s", subjects=[10])
    np.testing.assert_array_equal(again.eeg, first.eeg)
    names = ", ".join(("rows", "windows", "bands")[axis] for axis in axes)
    assert again.card.notes[1:] == (
        f"10_20131204.mat has its axes in the order {names}: they were put right by their lengths.",
    )


# which folder ----------------------------------------------------------------------------------------


def test_a_card_says_what_was_read_where_there_was_a_choice(seed_layouts_folder, seed_folder):
    usual = read_recordings("seed", seed_layouts_folder, subjects=[10])
    assert usual.card.notes == (
        "The EEG was read from eeg_used_4s, feature de; the release also holds ExtractedFeatures_4s, eeg_used_1s.",
    )
    assert read_recordings("seed", seed_folder, subjects=[10]).card == simulate("seed", subjects=[10]).card


def test_what_is_there_is_read_and_said_when_the_usual_folder_is_not(licensed):
    shutil.rmtree(licensed / SECONDS.replace("1s", "4s"))
    read = read_recordings("seed", licensed, subjects=[10])
    assert read.card.notes[0].startswith("The EEG was read from ExtractedFeatures_4s, feature de_LDS;")
    shutil.rmtree(licensed / MAT)
    with pytest.raises(DataError, match=r"no folder named eeg_used_4s or ExtractedFeatures_4s; there is eeg_used_1s"):
        read_recordings("seed", licensed, subjects=[10])


@pytest.mark.parametrize("start", [".", "SEED_EEG", MAT])
def test_both_modalities_are_found_from_any_folder_of_the_release(start, licensed):
    assert len(read_recordings("seed", licensed / start, eeg="ExtractedFeatures_4s", subjects=[10])) == 3 * 842


def test_folders_of_any_name_may_lie_above_and_a_folder_in_its_own_name(licensed, tmp_path):
    top = tmp_path / "download" / "SEED"
    top.mkdir(parents=True)
    shutil.move(licensed / SEED_EYE, top / "eye" / "eye_tracking_feature")
    shutil.move(licensed / MAT, top / "ExtractedFeatures_4s" / "ExtractedFeatures_4s")
    assert len(read_recordings("seed", top.parent, subjects=[10])) == 3 * 842


def test_the_labels_beside_the_mat_files_are_checked_and_their_absence_is_noted(licensed):
    (licensed / MAT / "._10_20131130.mat").write_text("what a file manager leaves")
    (licensed / MAT / ".DS_Store").write_text("and this")
    (licensed / MAT / "label.mat").unlink()
    read = read_recordings("seed", licensed, eeg="ExtractedFeatures_4s", subjects=[10])
    assert (
        read.card.notes[1]
        == "There is no label.mat beside the EEG features: the labels are those of the documentation."
    )
    assert np.array_equal(read.label[:842], SEED.table(1)["label"])


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"eeg": "ExtractedFeatures_2s"}, r"not a folder of SEED: choose one of eeg_used_4s, "),
        ({"eye": "blinks"}, r"eye = 'blinks' is not known: choose one of 'paired', 'repeated', 'none'"),
        ({"eeg": "eeg_used_1s"}, r'windows of 1 s, .* eye="paired" does not fit .*eeg= one of eeg_used_4s'),
        ({"eeg": "eeg_used_4s", "eye": "repeated"}, r'eye="repeated" does not fit .*eeg= one of eeg_used_1s'),
        ({"feature": "de_LDS"}, r"'de_LDS' is not in eeg_used_4s, which holds de. Read it with eeg= one of Extracted"),
        ({"eeg": "ExtractedFeatures_4s", "feature": "alpha"}, r"'alpha' is not in ExtractedFeatures_4s.*Choose one"),
        ({"eeg": "ExtractedFeatures_1s", "eye": "none"}, r"no folder named ExtractedFeatures_1s; there is eeg_used_4s"),
    ],
)
def test_a_choice_that_does_not_exist_or_fit_is_answered_with_those_that_do(choice, message, seed_layouts_folder):
    with pytest.raises(DataError, match=message):
        read_recordings("seed", seed_layouts_folder, subjects=[10], **choice)


def test_seed_iv_has_no_1_s_windows():
    with pytest.raises(DataError, match="no EEG in windows of 1 s"):
        open_dataset("seed_iv", data_root=".", eye="repeated")


def test_a_simulated_set_with_another_folder_lies_beside_the_usual_one(seed_layouts_folder, tmp_path, monkeypatch):
    monkeypatch.delenv("UFAMA_SEED", raising=False)
    asked = []

    def written(dataset, folder, *, also=(), progress=None):
        asked.append((folder, also))
        return seed_layouts_folder

    monkeypatch.setattr(ufama.datasets, "write_simulated", written)
    open_dataset("seed", workspace=tmp_path, subjects=[10])
    open_dataset("seed", workspace=tmp_path, subjects=[10], eye="repeated")
    open_dataset("seed", workspace=tmp_path, subjects=[10], eeg="ExtractedFeatures_4s")
    simulated = tmp_path / "simulated"
    assert asked == [
        (simulated / "seed", ()),
        (simulated / "seed-eeg_used_1s", ("eeg_used_1s",)),
        (simulated / "seed-ExtractedFeatures_4s", ("ExtractedFeatures_4s",)),
    ]
    with pytest.raises(DataError, match="eeg, feature and eye have no meaning"):
        open_dataset("table.npz", feature="de_LDS")


# what is wrong ---------------------------------------------------------------------------------------


def test_another_folder_than_those_released_cannot_be_written(tmp_path):
    with pytest.raises(DataError, match="also = eeg_used_2s cannot be written: choose from ExtractedFeatures_4s"):
        write_simulated("seed", tmp_path / "s", also=["eeg_used_2s"])
    with pytest.raises(DataError, match="choose from nothing, the set is whole without"):
        write_simulated("seed_iv", tmp_path / "s", also=["eeg_raw_data"])
    assert list(tmp_path.iterdir()) == []


def test_a_set_with_more_folders_is_kept_where_fewer_are_asked_for(seed_layouts_folder):
    before = (seed_layouts_folder / MARKER).stat().st_mtime_ns
    write_simulated("seed", seed_layouts_folder, subjects=[6, 10], also=["ExtractedFeatures_4s"])
    assert (seed_layouts_folder / MARKER).stat().st_mtime_ns == before


def test_a_changed_file_in_any_folder_of_a_simulated_set_is_refused(seed_layouts_folder, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(seed_layouts_folder, root, copy_function=os.link)
    change_mat(root / MAT / "label.mat", lambda content: None)
    with pytest.raises(DataError, match=r"label.mat: the file is not the one that was simulated"):
        read_recordings("seed", root, eeg="ExtractedFeatures_4s", subjects=[10])


# cache and card --------------------------------------------------------------------------------------


def written_anew(path):
    """The same values in other bytes."""
    change = {".mat": change_mat, ".npz": change_npz}.get(path.suffix, change_pickle)
    change(path, lambda content: content.update(another=np.ones(1)))


@pytest.mark.parametrize(
    ("choice", "changed"),
    [
        ({"eeg": "ExtractedFeatures_4s"}, f"{MAT}/{SESSIONS[2]}.mat"),
        ({"eeg": "ExtractedFeatures_4s"}, f"{MAT}/label.mat"),
        ({"eeg": "ExtractedFeatures_4s"}, f"{SEED_EYE}/10_2"),
        ({"eeg": "ExtractedFeatures_4s", "eye": "none"}, f"{MAT}/{SESSIONS[0]}.mat"),
        ({"eeg": "eeg_used_1s", "eye": "repeated"}, f"{SECONDS}/10_3.npz"),
        ({"eeg": "eeg_used_1s", "eye": "repeated"}, f"{SEED_EYE}/10_3"),
    ],
)
def test_windows_are_kept_until_the_content_of_one_of_their_files_changes(
    choice, changed, licensed, tmp_path, monkeypatch
):
    reads = []
    read_recording = recordings._read_recording

    def counted(*arguments):
        reads.append(arguments)
        return read_recording(*arguments)

    def read():
        return read_recordings("seed", licensed, subjects=[10], cache=tmp_path / "cache", **choice)

    monkeypatch.setattr(recordings, "_read_recording", counted)
    first, again = read(), read()
    assert len(reads) == 3
    assert first.card == again.card
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    content = (licensed / changed).read_bytes()
    (licensed / changed).unlink()  # a link to a file that other tests read
    (licensed / changed).write_bytes(content)
    os.utime(licensed / changed, (0, 0))
    read()
    assert len(reads) == 3
    written_anew(licensed / changed)
    read()
    assert len(reads) == 6


def test_each_choice_is_kept_for_itself(licensed, tmp_path):
    choices = [{}, {"eeg": "ExtractedFeatures_4s"}, {"eeg": "ExtractedFeatures_4s", "feature": "psd_LDS"}]
    choices += [{"eeg": "ExtractedFeatures_4s", "eye": "none"}, {"eye": "repeated"}]
    first = [read_recordings("seed", licensed, subjects=[10], cache=tmp_path / "c", **choice) for choice in choices]
    assert len(list((tmp_path / "c").iterdir())) == len(choices)
    for choice, windows in zip(choices, first, strict=True):
        again = read_recordings("seed", licensed, subjects=[10], cache=tmp_path / "c", **choice)
        assert again.card == windows.card
        np.testing.assert_array_equal(again.eeg, windows.eeg)


def test_usual_sets_keep_their_fingerprints_and_every_other_reading_has_its_own(seed_layouts_folder, whole_seed_folder):
    assert fingerprint("seed") == "82b813f4ebb18273451ddd10c89ef52c"
    assert fingerprint("seed_iv") == "5ad9abfc6bae8a901614b69e993ffec8"
    assert read_recordings("seed", whole_seed_folder).card.fingerprint == fingerprint("seed")
    alone = read_recordings("seed", whole_seed_folder, subjects=[10]).card.fingerprint
    cards = [
        read_recordings("seed", seed_layouts_folder, subjects=[10], **choice).card.fingerprint
        for choice in (
            {},
            {"eeg": "ExtractedFeatures_4s"},
            {"eeg": "ExtractedFeatures_4s", "feature": "psd_LDS"},
            {"eye": "repeated"},
            {"eye": "none"},
        )
    ]
    assert cards[0] == alone
    assert len(set(cards)) == len(cards)


def test_the_card_names_the_eye_features_that_tell_the_clip(seed_layouts_folder, seed_iv_folder):
    assert read_recordings("seed_iv", seed_iv_folder, subjects=[2]).card.constant_eye_features == EVENT_FEATURES
    for choice in ({}, {"eye": "repeated"}):
        card = read_recordings("seed", seed_layouts_folder, subjects=[10], **choice).card
        assert card.constant_eye_features == tuple(f"eye_{column}" for column in range(24, 33))


def test_a_feature_is_constant_only_if_it_is_so_in_every_trial(small):
    eye = np.random.default_rng(0).normal(size=small.eye.shape).astype(np.float32)
    places = np.stack([small.subject, small.session, small.trial], axis=1)
    group = np.unique(places, axis=0, return_inverse=True)[1].reshape(-1)
    eye[:, 0] = eye[:, 1] = 10 * group  # differs from trial to trial, not within one
    eye[np.flatnonzero(group == group[-1])[-1], 1] += 1  # but here
    card = small.card
    changed = type(small)(**{name: getattr(small, name) for name in ARRAYS} | {"eye": eye}, card=card)
    assert constants_marked(changed).card.constant_eye_features == card.eye_features[:1]
    one_window_each = changed.select(np.unique(group, return_index=True)[1])
    assert constants_marked(one_window_each).card.constant_eye_features == ()


def test_a_card_stored_before_constant_features_were_marked_is_still_a_card():
    stored = json.loads(json.dumps(asdict(simulate("seed", subjects=[10]).card)))
    del stored["constant_eye_features"]
    assert DataCard(**stored).constant_eye_features == ()
