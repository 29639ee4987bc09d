"""An ONNX file computes what the model computes, and says what it needs."""

import json

import numpy as np
import pytest

from ufama.models.export import check_onnx_output, export_onnx
from ufama.models.fit_adapt import fit_model
from ufama.models.inference import outputs
from ufama.models.model import ModelError
from ufama.models.recording_trust import calibrated
from ufama.storage import PathError

TOLERANCE = 1e-5


@pytest.mark.slow
def test_onnx_runtime_computes_the_same(model, scaled_newcomer, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    path = export_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(path)
    for n in (1, 70):
        windows = type(scaled_newcomer)(*[values[:n] for values in scaled_newcomer])
        computed = outputs(model, windows)
        expected = calibrated(model.trust, "unadapted", computed.mean())
        *branches, fused = session.run(None, {"eeg": windows.eeg, "eye": windows.eye})
        for place, branch in enumerate(branches):
            assert branch.shape == (n, 3) and np.abs(branch - expected[:, place]).max() < TOLERANCE
        assert np.abs(fused - np.concatenate(computed.fused, axis=1)).max() < TOLERANCE
    names = [output.name for output in session.get_outputs()]
    assert names == ["eeg_probability", "eye_probability", "fusion_probability", "fused"]
    note, own = json.loads((tmp_path / "model.json").read_text()), session.get_modelmeta().custom_metadata_map
    assert note["eeg_tokens"] == list(model.card.eeg_tokens) == json.loads(own["ufama.eeg_tokens"])
    assert note["scaling"] == "subject_session_minmax" and note["simulated"] and note["recipe"] is None
    assert note["temperature"]["fusion"] == model.trust.of("unadapted", "fusion").temperature


def test_other_models_and_places_are_refused(small, model, tmp_path):
    with pytest.raises(PathError, match=r"ends in \.onnx"):
        check_onnx_output(tmp_path / "model.pt")
    with pytest.raises(ModelError, match="svm is fitted at once and has no network"):
        export_onnx(fit_model(small, method="svm", scale="smoke"), tmp_path / "svm.onnx")
    (tmp_path / "own.onnx").write_text("of the user")
    with pytest.raises(PathError, match="was not written by this command"):
        export_onnx(model, tmp_path / "own.onnx")


def test_a_missing_library_is_named(model, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(ModelError, match=r"onnxscript is not installed.*ufama\[export\]"):
        export_onnx(model, tmp_path / "model.onnx")
