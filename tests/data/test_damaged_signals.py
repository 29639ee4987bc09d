"""Raw recordings with one damage each: read as if undamaged, refused, or noted; never silently wrong."""

import shutil
import zlib

import numpy as np
import pytest

from tests.data.raw_damages import CNT_SHORT, CNT_STARTS, FAMILIES, SHORT, spread
from tests.data.raw_formats import CNT_RATE
from ufama.data.layout import LAYOUTS, DataError
from ufama.data.signals import eeg_files

DRAWS = {"edf": 140, "mat": 130, "cnt": 50, "fif": 40, "eyes": 99, "eye_raw": 60}


@pytest.fixture(autouse=True)
def short_clips(request, monkeypatch):
    """The releases' clips are minutes long; these are seconds."""
    family = request.node.callspec.params["family"]
    if family in ("mat", "cnt"):
        monkeypatch.setitem(LAYOUTS, "seed", {"mat": SHORT, "cnt": CNT_SHORT}[family])
    if family == "mat":
        monkeypatch.setattr(eeg_files, "trial_features", spread)
    if family == "cnt":
        monkeypatch.setattr(eeg_files, "SEED_CLIP_STARTS", CNT_STARTS)
        assert eeg_files.CNT_RATE == CNT_RATE


def outcome(family, damage, seed, folder, healthy):
    """ "equal", "error", "note", or what is silently wrong."""
    state = FAMILIES[family].healthy()
    draw = np.random.default_rng([seed, zlib.crc32(damage.encode())])
    FAMILIES[family].damages[damage](state, draw)
    try:
        values, notes = FAMILIES[family].read(state, folder)
    except DataError:
        return "error"
    usual, usual_notes = healthy
    if any(note not in usual_notes for note in notes):
        return "note"
    wrong = [key for key in values if key not in usual or not same(values[key], usual[key])]
    return f"{family}, {damage}, seed {seed}: {wrong} silently" if wrong or not values else "equal"


def same(found, expected):
    return found.shape == expected.shape and np.allclose(found, expected, rtol=1e-3, atol=1e-3)


def outcomes(family, names, count, tmp_path):
    healthy = FAMILIES[family].read(FAMILIES[family].healthy(), tmp_path / "healthy")
    assert not [note for note in healthy[1] if ".edf" in note or ".mat" in note or ".cnt" in note]
    found = []
    for place in range(count):
        folder = tmp_path / str(place)
        folder.mkdir()
        found.append(outcome(family, names[place % len(names)], place, folder, healthy))
        shutil.rmtree(folder)  # some gigabytes together
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_a_damage_is_never_read_silently(family, tmp_path):
    (tmp_path / "healthy").mkdir()
    names = sorted(FAMILIES[family].damages)
    few = names[:: max(1, len(names) // 6)]
    found = outcomes(family, few, len(few), tmp_path)
    assert set(found) <= {"equal", "error", "note"}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_no_damage_of_many_is_read_silently(family, tmp_path):
    (tmp_path / "healthy").mkdir()
    found = outcomes(family, sorted(FAMILIES[family].damages), DRAWS[family], tmp_path)
    assert [result for result in found if result not in ("equal", "error", "note")] == []
    assert found.count("error") > DRAWS[family] / 4
