"""CEAP-360VR's converter on made-up downloads of its form; no recording of anybody is needed."""

import json
import zipfile

import numpy as np
import pytest

from ufama.data import folds, read_two_modality
from ufama.data.layout import DataError
from ufama.data.signals.ceap360 import ceap360, ceap360_physiology
from ufama.data.signals.ceap360_files import CLIPS
from ufama.data.signals.open_recordings import convert
from ufama.data.signals.scanpath import FIXATION_STATISTICS, HEAD_STATISTICS

PEOPLE = (1, 2, 5)
RATES = dict.fromkeys(CLIPS, 30) | {1: 25}
ORDERS = {1: "1 3 4 2 6 5 7 8 ", 2: "8 7 6 5 1 4 2 3 ", 5: "4 3 2 1 6 7 8 5 "}


def fixation(start, frames=15, pitch=0.0, yaw=0.0):
    return {"StartFrame": start, "EndFrame": start + frames - 1, "Pitch": pitch, "Yaw": yaw}


def person_files(person):
    """Eight clips: a fixation of 15 frames every second, and a head that turns by one degree in each sample."""
    draw = np.random.default_rng(person)
    ratings = [{"VideoID": f"V{clip}", "ValenceValue": (person + clip) % 9 + 1} for clip in CLIPS]
    head, eye, pupil, body = [], [], [], []
    for clip in CLIPS:
        yaw = (np.arange(299) + draw.normal(0, 0.1, 299) + 180) % 360 - 180
        points = [{"ID": k + 1, "Pitch": float(clip), "Yaw": float(yaw[k])} for k in range(299)]
        head.append({"VideoID": f"V{clip}", "ID_Pitch_Yaw": points})
        starts = range(0, 59 * RATES[clip], RATES[clip])
        looks = [fixation(start, yaw=float(draw.uniform(-90, 90))) for start in starts]
        eye.append({"VideoID": f"V{clip}", "Fixation": looks})
        time = np.arange(0, 60, 0.5)
        diameters = {
            side: [{"TimeStamp": float(t), "PD": 0 if k % 7 == 3 else 3 + side_size + 0.01 * float(t)}
                   for k, t in enumerate(time)]
            for side, side_size in (("LPD", 0), ("RPD", 1))
        }  # fmt: skip
        pupil.append({"VideoID": f"V{clip}", "HM": [], **diameters})
        body.append(
            {
                "VideoID": f"V{clip}",
                "EDA_RawData": [{"TimeStamp": float(t), "EDA": 0.5 + clip} for t in time],
                "HR_RawData": [{"TimeStamp": float(t), "HR": 70 - 0.1 * float(t)} for t in time],
            }
        )
    named = {"ParticipantID": f"P{person}"}
    answers = named | {"VideoOrder": ORDERS[person], "Video_SAMRating_VideoTime_Data": ratings}
    return {
        f"2_QuestionnaireData/P{person}_Questionnaire_Data.json": {"QuestionnaireData": [answers]},
        f"4_BehaviorData/HM_ScanPath/P{person}_Behavior_HeadScanPathData.json": {
            "Behavior_HeadScanPath_Data": [named | {"Video_Behavior_ScanPath_Data": head}]
        },
        f"4_BehaviorData/EM_Fixation/P{person}_Behavior_FixationData.json": {
            "Behavior_FixationData": [named | {"Video_Behavior_FixationData": eye}]
        },
        f"4_BehaviorData/Transformed/P{person}_Behavior_TransData.json": {
            "Behavior_TransData": [named | {"Video_Behavior_TransData": pupil}]
        },
        f"5_PhysioData/Raw/P{person}_Physio_RawData.json": {"Physio_RawData": [named | {"Video_Physio_RawData": body}]},
    }


@pytest.fixture(scope="module")
def contents():
    clips = [{"VideoID": "V0", "FrameRate": 30}, *({"VideoID": f"V{c}", "FrameRate": RATES[c]} for c in CLIPS)]
    files = {"1_Stimuli/VideoInfo.json": {"VideoInfo": clips}}
    for person in PEOPLE:
        files |= person_files(person)
    return {name: json.dumps(content) for name, content in files.items()}


@pytest.fixture
def download(contents, tmp_path):
    """The folder, whose files a test may change."""
    for name, text in contents.items():
        path = tmp_path / "CEAP-360VR" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "CEAP-360VR"


def changed(download, name, change):
    path = download / name
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def clips_of(content):
    (person,) = next(iter(content.values()))
    return next(value for value in person.values() if isinstance(value, list))


HEAD = "4_BehaviorData/HM_ScanPath/P2_Behavior_HeadScanPathData.json"
EYE = "4_BehaviorData/EM_Fixation/P2_Behavior_FixationData.json"
QUESTIONS = "2_QuestionnaireData/P2_Questionnaire_Data.json"
BODY = "5_PhysioData/Raw/P2_Physio_RawData.json"


def test_the_design_is_that_of_the_recordings(download):
    windows = ceap360(download)
    assert windows.eeg.shape == (3 * 8 * 10, 2, len(HEAD_STATISTICS))
    assert windows.eye.shape == (240, len(FIXATION_STATISTICS))
    assert windows.card.class_names == ("HVHA", "HVLA", "LVHA", "LVLA")
    assert (windows.session == 1 + (windows.clip - 1) // 4).all()
    assert (windows.label == (windows.clip - 1) % 4).all()
    places = {2: {8: 1, 7: 2, 6: 3, 5: 4, 1: 1, 4: 2, 2: 3, 3: 4}}  # of P2, in the order of its blocks
    for clip, place in places[2].items():
        assert set(windows.trial[(windows.subject == 2) & (windows.clip == clip)]) == {place}
    assert len(folds(windows, "cross_subject")) == len(folds(windows, "cross_subject_session")) == 2 * 3
    assert len(folds(windows, "cross_session")) == 2


def test_features_are_those_of_the_scan_paths_at_each_clips_own_frame_rate(download):
    windows = ceap360(download)
    eye = dict(zip(windows.card.eye_features, windows.eye.T, strict=True))
    at_25 = windows.clip == 1
    np.testing.assert_allclose(eye["duration_mean"][at_25], 15 / 25, rtol=1e-6)
    np.testing.assert_allclose(eye["duration_mean"][~at_25], 15 / 30, rtol=1e-6)
    np.testing.assert_allclose(eye["gap_mean"][at_25 & (windows.window < 9)], 10 / 25, rtol=1e-6)
    assert set(eye["fixations"][windows.window < 9]) == {6}
    head = dict(zip(windows.card.eeg_features, windows.eeg[:, 1].T, strict=True))
    np.testing.assert_allclose(head["speed_mean"], 5, atol=0.2)  # one degree in a fifth of a second, past 180


def test_folder_parent_and_archive_give_the_same(download, tmp_path):
    archive = tmp_path / "download.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in download.rglob("*.json"):
            file.write(path, f"CEAP-360VR-Dataset-master/CEAP-360VR/{path.relative_to(download)}")
        file.writestr("__MACOSX/2_QuestionnaireData/._P2_Questionnaire_Data.json", b"\0")
    expected = ceap360(download).card
    assert ceap360(download.parent).card == ceap360(archive).card == expected


def test_the_card_says_whose_recordings_these_are_and_what_they_are_not(download, tmp_path):
    card = convert("ceap360", download, tmp_path / "out.npz").card
    assert read_two_modality(tmp_path / "out.npz").card == card
    assert "not EEG, not SEED" in card.title
    assert "CC BY-NC 4.0" in card.licence
    notes = " ".join(card.notes)
    for part in ("Real people", "doi:10.1109/TMM.2021.3124080", "not in this download: 3, 4, 6", "ceap360-physiology"):
        assert part in notes
    assert not card.simulated


def test_own_valence_is_each_persons(download):
    windows = ceap360(download, labels="own-valence", window_seconds=10)
    assert len(windows) == 3 * 8 * 6
    assert windows.card.class_names == ("low valence", "high valence")
    rating = (windows.subject + windows.clip) % 9 + 1
    assert (windows.label == (rating > 5)).all()


def test_windows_without_fixations_follow_the_stated_rule(download):
    def thin_out(content):
        clips = clips_of(content)
        clips[1]["Fixation"] = [fixation(30 * second, yaw=9.0) for second in (13, 15)]  # in window 2 alone
        clips[2]["Fixation"] = []

    changed(download, EYE, thin_out)
    windows = ceap360(download)
    own = {clip: windows.eye[(windows.subject == 2) & (windows.clip == clip)] for clip in CLIPS}
    assert own[2][:, 0].tolist() == [0, 0, 2] + [0] * 7
    assert (own[2][:, 2:] == own[2][2, 2:]).all()
    assert (own[3][:, :2] == 0).all()
    others = np.concatenate([own[1], own[2], own[4]])
    np.testing.assert_allclose(own[3][:, 2:], np.median(others[:, 2:], axis=0)[None].repeat(10, 0), rtol=1e-5)
    notes = " ".join(windows.card.notes)
    assert "19 of 240 windows have no fixation" in notes
    assert "person 2 V3" in notes


def test_pupil_and_body_are_a_second_pair(download):
    windows = ceap360_physiology(download)
    assert windows.card.eeg_tokens == ("left pupil", "right pupil")
    assert windows.eeg.shape[1:] == (2, 4)
    assert windows.eye.shape[1] == 8
    np.testing.assert_allclose(windows.eeg[:, 1, 0] - windows.eeg[:, 0, 0], 1, rtol=1e-5)  # mm
    np.testing.assert_allclose(windows.eeg[:, :, 3], 0.01, rtol=1e-3)  # mm per second; lost samples left out
    np.testing.assert_allclose(windows.eye[:, 0], 0.5 + windows.clip, rtol=1e-6)  # microsiemens
    np.testing.assert_allclose(windows.eye[:, 7], -0.1, rtol=1e-3)  # beats per minute and second


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (HEAD, lambda c: clips_of(c).pop(3), "HM_ScanPath/P2_.*has no V4"),
        (HEAD, lambda c: clips_of(c).append(clips_of(c)[0]), "has V1 twice"),
        (HEAD, lambda c: clips_of(c)[0].update(ID_Pitch_Yaw=clips_of(c)[0]["ID_Pitch_Yaw"][:200]), "V1: .*200 points"),
        (HEAD, lambda c: clips_of(c)[0]["ID_Pitch_Yaw"].pop(7), "IDs are not 1, 2, 3"),
        (HEAD, lambda c: clips_of(c)[0]["ID_Pitch_Yaw"][7].update(Pitch=95), "Pitch goes from .* to 95"),
        (HEAD, lambda c: clips_of(c)[0]["ID_Pitch_Yaw"][7].pop("Yaw"), "expected numbers ID, Pitch, Yaw"),
        (HEAD, lambda c: clips_of(c)[0]["ID_Pitch_Yaw"][7].update(Yaw=float("nan")), "not all finite"),
        (HEAD, lambda c: next(iter(c.values()))[0].update(ParticipantID="P3"), "is of participant 'P3'. Expected P2"),
        (EYE, lambda c: clips_of(c)[4]["Fixation"].append(fixation(0)), "V5: fixations overlap"),
        (EYE, lambda c: clips_of(c)[4].pop("Fixation"), "expected Fixation"),
        ("1_Stimuli/VideoInfo.json", lambda c: c["VideoInfo"][2].update(FrameRate=25), "V2: at the 25 frames"),
        ("1_Stimuli/VideoInfo.json", lambda c: c["VideoInfo"][1].update(FrameRate=120), "V1: at the 120 frames"),
        ("1_Stimuli/VideoInfo.json", lambda c: c["VideoInfo"][1].update(FrameRate="25"), "FrameRate is '25'"),
        (QUESTIONS, lambda c: c["QuestionnaireData"][0].update(VideoOrder="1 2 3"), "VideoOrder is '1 2 3'"),
        (QUESTIONS, lambda c: clips_of(c)[0].update(ValenceValue=12), "ValenceValue is 12"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_one_clear_error(name, change, message, download):
    changed(download, name, change)
    with pytest.raises(DataError, match=message):
        ceap360(download)


def test_a_frame_rate_that_is_too_high_shows_in_too_short_fixations(download):
    changed(download, EYE, lambda c: clips_of(c)[0].update(Fixation=[fixation(0, 5)]))  # 0.2 s at 25 frames per second
    ceap360(download)
    changed(download, "1_Stimuli/VideoInfo.json", lambda c: c["VideoInfo"][1].update(FrameRate=30))
    with pytest.raises(DataError, match=r"V1: at the 30 frames per second .* shortest lasts 0.167 s"):
        ceap360(download)


def test_a_cut_file_and_a_partial_download_are_named(download, tmp_path):
    text = (download / HEAD).read_text()
    (download / HEAD).write_text(text[: len(text) // 2])
    with pytest.raises(DataError, match=r"HM_ScanPath/P2_.*is cut short or no JSON"):
        ceap360(download)
    (download / HEAD).unlink()
    with pytest.raises(DataError, match=r"has no 4_BehaviorData/HM_ScanPath/P2_.*leave all files of that person out"):
        ceap360(download)
    for name in (EYE, QUESTIONS):
        (download / name).unlink()
    assert set(ceap360(download).subject) == {1, 5}
    (download / "1_Stimuli/VideoInfo.json").unlink()
    with pytest.raises(DataError, match=r"has no 1_Stimuli/VideoInfo.json"):
        ceap360(download)
    for source, message in (("nowhere", "is missing"), (".", "does not hold CEAP-360VR")):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(DataError, match=message):
            ceap360(tmp_path / "empty" / source)
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DataError, match=r"is cut short or no .zip"):
        ceap360(tmp_path / "cut.zip")


def test_a_tracker_that_was_off_is_an_error_and_wrong_units_too(download):
    changed(download, EYE, lambda c: [clip.update(Fixation=[]) for clip in clips_of(c)[:4]])
    with pytest.raises(DataError, match="person 2, session 1: no window of any clip has every statistic"):
        ceap360(download)
    changed(download, BODY, lambda c: [s.update(HR=s["HR"] / 60) for s in clips_of(c)[0]["HR_RawData"]])
    with pytest.raises(DataError, match=r"HR_RawData: the median is 1.1.*Expected 30 to 220 beats per minute"):
        ceap360_physiology(download)
    changed(download, BODY, lambda c: [s.update(TimeStamp=s["TimeStamp"] + 1e9) for s in clips_of(c)[0]["HR_RawData"]])
    with pytest.raises(DataError, match="Expected seconds from the start of the clip"):
        ceap360_physiology(download)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"labels": "arousal"}, "choose one of quadrant, own-valence"),
        ({"window_seconds": 1.0}, "expected 2 to 30"),
        ({"unit": "uV"}, "has a meaning for eegmat-edf only, not for ceap360"),
    ],
)
def test_a_choice_without_a_meaning_is_refused(choice, message, download, tmp_path):
    with pytest.raises(DataError, match=message):
        convert("ceap360", download, tmp_path / "x.npz", **choice)
    with pytest.raises(DataError, match=r"labels = 'quadrant' has a meaning for ceap360 .* not for cogwear"):
        convert("cogwear", download, tmp_path / "x.npz", labels="quadrant")
