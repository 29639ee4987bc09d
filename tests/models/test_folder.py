"""A model's folder: what comes back, what is refused, and that nothing in it is ever run."""

import hashlib
import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ufama.models.fit_adapt import adapt_model, fit_model
from ufama.models.folder import CARD, CONFIG, WEIGHTS, load_model, save_model
from ufama.models.inference import outputs, scaled_recording
from ufama.models.model import ModelError, SourceStatistics
from ufama.storage import PathError, digest_of


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory) -> Path:
    return save_model(model, tmp_path_factory.mktemp("models") / "model")


@pytest.fixture
def copy(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


# what comes back --------------------------------------------------------------------------------------


def test_a_model_comes_back_as_it_was(model, saved, scaled_newcomer):
    loaded = load_model(saved)
    for name in ("method", "preset", "variant", "config", "training", "scale", "card", "problem", "seeds", "rule"):
        assert getattr(loaded, name) == getattr(model, name)
    assert loaded.source == model.source and loaded.adapted_to is None and loaded.labels is None
    assert loaded.trust.to_json() == model.trust.to_json()
    for field in fields(SourceStatistics):
        before, after = (getattr(one.statistics, field.name) for one in (model, loaded))
        assert np.array_equal(before, after) and before.dtype == after.dtype
    first, second = outputs(model, scaled_newcomer), outputs(loaded, scaled_newcomer)
    assert np.array_equal(first.probabilities, second.probabilities)
    assert np.array_equal(first.fused, second.fused)


def test_another_process_predicts_the_same_bits(model, saved, newcomer, tmp_path):
    expected = outputs(model, scaled_recording(model, newcomer)).probabilities
    np.savez(tmp_path / "windows.npz", **newcomer._asdict())
    script = (
        "import sys, numpy as np, ufama, torch; torch.set_num_threads(2)\n"
        "from ufama.methods import UnlabelledWindows\n"
        "from ufama.models.inference import outputs, scaled_recording\n"
        "model, windows = ufama.load_model(sys.argv[1]), UnlabelledWindows(**np.load(sys.argv[2]))\n"
        "np.save(sys.argv[3], outputs(model, scaled_recording(model, windows)).probabilities)\n"
    )
    files = [saved, tmp_path / "windows.npz", tmp_path / "result.npy"]
    subprocess.run([sys.executable, "-c", script, *map(str, files)], check=True)
    assert np.array_equal(np.load(tmp_path / "result.npy"), expected)


@pytest.mark.parametrize("name", ["hadua", "ms_mda", "cfda_csf"])
def test_networks_with_buffers_and_domains_come_back(small, newcomer, tmp_path, name):
    fitted = fit_model(small, method=name, scale="smoke")
    loaded = load_model(save_model(fitted, tmp_path / name))
    windows = scaled_recording(fitted, newcomer)
    first, second = (outputs(one, windows).probabilities for one in (fitted, loaded))
    assert np.array_equal(first, second, equal_nan=True) and np.isfinite(first[:, :, -1]).all()


def test_an_adapted_model_says_what_it_is_adapted_to(model, newcomer, tmp_path):
    adapted = adapt_model(model, newcomer)
    loaded = load_model(save_model(adapted, tmp_path / "adapted"))
    assert loaded.adapted_to == adapted.adapted_to and loaded.mode == "source_free"
    assert "SHOT (arXiv:2002.08546), which is another method than ufama" in (tmp_path / "adapted" / CARD).read_text()


def test_a_model_is_written_over_only_by_a_model(model, copy):
    save_model(model, copy)
    (copy / CARD).write_text("changed")
    with pytest.raises(PathError, match=r"README.md, which was not written by this command or has been changed"):
        save_model(model, copy)


def test_a_method_without_a_network_is_not_kept(small, tmp_path):
    for name in ("svm", "ridge", "msbls", "majority"):
        fitted = fit_model(small, method=name, scale="smoke")
        with pytest.raises(ModelError, match=f"{name} is fitted at once .* cannot be kept as a folder"):
            save_model(fitted, tmp_path / name)
        assert not (tmp_path / name).exists()


def test_the_card_is_a_head_and_says_first_that_nobody_was_recorded(saved):
    yaml = pytest.importorskip("yaml")
    _, head, body = (saved / CARD).read_text().split("---\n", 2)
    facts = yaml.safe_load(head)
    assert facts["license_name"] == "made up for tests" and facts["metrics"] == ["accuracy"]
    assert facts["classes"] == ["class 0", "class 1", "class 2"] and "simulated" in facts["tags"]
    assert body.split("\n\n")[1].startswith("**Simulated: nobody was recorded.**")
    assert "at scale smoke, 2 steps" in body and "95 % interval" in body and "| 4 |" in body


def test_a_model_of_a_method_of_ones_own_is_read_only_by_name(small, tmp_path):
    fitted = fit_model(small, method="ufama.methods.dann:METHOD", scale="smoke")
    save_model(fitted, tmp_path / "own")
    with pytest.raises(ModelError, match=r"would import that module\. If you trust it, name it"):
        load_model(tmp_path / "own")
    assert load_model(tmp_path / "own", method="ufama.methods.dann:METHOD").method == fitted.method
    with pytest.raises(ModelError, match="its method is"):
        load_model(tmp_path / "own", method="ufama")


# what is refused --------------------------------------------------------------------------------------


class Trap:
    """Unpickled, it leaves a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def signed(folder: Path, content: dict | None = None) -> None:
    """Make the folder's digests fit its files again, as somebody would who wants it to be read."""
    content = json.loads((folder / CONFIG).read_text()) if content is None else content
    content["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (WEIGHTS, CARD)}
    content = {name: value for name, value in content.items() if name != "digest"}
    (folder / CONFIG).write_text(json.dumps(content | {"digest": digest_of(content)}))


def changed(*places, value):
    """config.json with one entry changed, and signed; the entry's value may be a function of what it was."""

    def change(folder: Path) -> None:
        content = json.loads((folder / CONFIG).read_text())
        *above, last = places
        part = content
        for place in above:
            part = part[place]
        if value is MISSING:
            del part[last]
        else:
            part[last] = value(part[last]) if callable(value) else value
        signed(folder, content)

    return change


MISSING = object()


def written(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def cut(name, share):
    def change(folder):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(share * len(content))])

    return change


def cut_and_signed(folder):
    cut(WEIGHTS, 0.9)(folder)
    signed(folder)


def tensors(change):
    """model.safetensors with changed tensors, and signed."""

    def changing(folder):
        values = load_file(folder / WEIGHTS)
        change(values)
        save_file(values, folder / WEIGHTS)
        signed(folder)

    return changing


def header(content: bytes, size: int | None = None, data: bytes = b""):
    """model.safetensors with a header of one's own, and signed."""

    def change(folder):
        length = struct.pack("<Q", len(content) if size is None else size)
        (folder / WEIGHTS).write_bytes(length + content + data)
        signed(folder)

    return change


def linked(name):
    def change(folder):
        elsewhere = folder.parent / f"elsewhere-{name}"
        shutil.move(folder / name, elsewhere)
        (folder / name).symlink_to(elsewhere)

    return change


def moved(name):
    def change(folder):
        shutil.move(folder / name, folder.parent / name)
        (folder / name).mkdir()

    return change


def pickled(name, sign):
    def change(folder):
        (folder / name).write_bytes(pickle.dumps(Trap(folder.parent / "sprung")))
        if sign:
            signed(folder)

    return change


def torch_file(folder):
    torch.save({"trap": Trap(folder.parent / "sprung")}, folder / WEIGHTS)
    signed(folder)


def first_weight(values):
    return next(name for name in sorted(values) if name.startswith("network."))


def poisoned(values):
    values[first_weight(values)].view(-1)[0] = torch.nan


def endless(values):
    values["statistics.eeg_mean"][0, 0] = torch.inf


def negative(values):
    values["statistics.eeg_sd"] -= 1e6


def narrower(values):
    name = first_weight(values)
    values[name] = values[name][..., :-1].contiguous()


def fewer_seeds(values):
    for name in [name for name in values if name.startswith("network.")]:
        values[name] = values[name][:1].contiguous()


def halved(values):
    values[first_weight(values)] = values[first_weight(values)].half()


def without_one(values):
    del values[first_weight(values)]


def with_one_more(values):
    values["network.more"] = torch.zeros(2)


def without_statistics(values):
    del values["statistics.fused_mean"]


def more_recordings(values):
    values["statistics.fused_mean"] = torch.zeros(100, values["statistics.fused_mean"].shape[1], dtype=torch.float64)


ABSURD = json.dumps({"network.x": {"dtype": "F32", "shape": [2**40, 2**20], "data_offsets": [0, 2**62]}}).encode()
OVERLAPPING = json.dumps(
    {name: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for name in ("network.x", "network.y")}
).encode()

MUTATIONS = {
    "config missing": lambda folder: (folder / CONFIG).unlink(),
    "weights missing": lambda folder: (folder / WEIGHTS).unlink(),
    "card missing": lambda folder: (folder / CARD).unlink(),
    "config empty": written(CONFIG, b""),
    "weights empty": written(WEIGHTS, b""),
    "config cut": cut(CONFIG, 0.5),
    "config cut by a byte": cut(CONFIG, 0.999),
    "weights cut": cut(WEIGHTS, 0.5),
    "weights cut and signed": cut_and_signed,
    "config is no text": written(CONFIG, b"\xff\xfe\x00\x01"),
    "config is a list": written(CONFIG, b"[1, 2, 3]"),
    "config is nested without end": written(CONFIG, b"[" * 1_000_000),
    "config repeats a key": written(CONFIG, b'{"format": 1, "format": 2, "written_by": "ufama model"}'),
    "config has NaN": written(CONFIG, b'{"format": NaN, "written_by": "ufama model"}'),
    "config has a number of a million digits": written(CONFIG, b'{"format": 1' + b"0" * 1_000_000 + b"}"),
    "config is huge": written(CONFIG, b" " * (17 * 2**20)),
    "config of another command": changed("written_by", value="ufama campaign"),
    "config changed without a signature": written(CONFIG, b'{"format": 1, "written_by": "ufama model", "digest": "0"}'),
    "a later format": changed("format", value=2),
    "format is text": changed("format", value="1"),
    "format is missing": changed("format", value=MISSING),
    "unknown method": changed("method", value="nonsense"),
    "method of another module": changed("method", value="os:METHOD"),
    "method without a network": changed("method", value="svm"),
    "method is a list": changed("method", value=["ufama"]),
    "another version of the method": changed("method_version", value=99),
    "unknown preset": changed("preset", value="nonsense"),
    "unknown variant": changed("variant", value="M9"),
    "rule of an oracle": changed("rule", value="oracle"),
    "no seeds": changed("seeds", value=[]),
    "seeds as text": changed("seeds", value=["0", "1"]),
    "one seed more": changed("seeds", value=[0, 1, 2]),
    "more seeds than anybody trains": changed("seeds", value=list(range(5000))),
    "a setting is missing": changed("config", "width", value=MISSING),
    "an unknown setting": changed("config", "more", value=1),
    "a setting out of range": changed("config", "width", value=-8),
    "a setting of another type": changed("config", "mmd", value="yes"),
    "a network beyond any memory": changed("config", "width", value=4096),
    "training out of range": changed("training", "epochs", value=0),
    "channels beyond the weights": changed("card", "eeg_tokens", value=lambda names: [*names, "one more"]),
    "channels twice": changed("card", "eeg_tokens", value=lambda names: [names[0], *names[:-1]]),
    "channels as numbers": changed("card", "eeg_tokens", value=[1, 2, 3]),
    "one class": changed("card", "class_names", value=["only"]),
    "card without a licence": changed("card", "licence", value=MISSING),
    "sizes without end": changed("problem", "source_domains", value=10**12),
    "trust of nobody": changed("trust", "branches", "unadapted", "fusion", "temperature", value=-1),
    "recipe of another kind": changed("recipe", value={"eeg": {}}),
    "adapted in an unknown way": changed(
        "adapted_to", value={"mode": "magic", "by": "x", "windows": 1, "recordings": 1, "trials": 1}
    ),
    "score above 1": changed("source", "score", "modes", "adapted", "accuracy", value=1.7),
    "labels twice": changed("labels", value=["a", "a", "b"]),
    "labels as lists": changed("labels", value=[["a"], ["b"], ["c"]]),
    "another entry": changed("more", value=1),
    "weights with NaN": tensors(poisoned),
    "statistics without end": tensors(endless),
    "negative deviation": tensors(negative),
    "weights of another shape": tensors(narrower),
    "weights of fewer seeds": tensors(fewer_seeds),
    "weights of another type": tensors(halved),
    "weights lack one": tensors(without_one),
    "weights have one more": tensors(with_one_more),
    "statistics are missing": tensors(without_statistics),
    "statistics of other recordings": tensors(more_recordings),
    "header of absurd sizes": header(ABSURD),
    "header longer than the file": header(b"{}", size=2**60),
    "header longer than can be": header(b"{}", size=2**64 - 1),
    "header is no JSON": header(b"not json"),
    "header whose parts overlap": header(OVERLAPPING, data=bytes(8)),
    "a pickle as weights": pickled(WEIGHTS, sign=False),
    "a pickle as weights, signed": pickled(WEIGHTS, sign=True),
    "a pickle as config": pickled(CONFIG, sign=False),
    "a file of torch.save as weights": torch_file,
    "an extra file": written("model.pkl", b"extra"),
    "an extra module": written("modeling.py", b"raise SystemExit"),
    "an extra folder": lambda folder: (folder / "more").mkdir(),
    "config is a link": linked(CONFIG),
    "weights are a link": linked(WEIGHTS),
    "card is a link": linked(CARD),
    "weights are a folder": moved(WEIGHTS),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_damaged_or_hostile_folder_is_one_sentence(copy, name):
    MUTATIONS[name](copy)
    with pytest.raises(ModelError) as caught:
        load_model(copy)
    message = str(caught.value)
    assert str(copy) in message or name == "method of another module"
    assert "\n" not in message and 40 < len(message) < 700
    assert not (copy.parent / "sprung").exists()


def leaves(part, place=()):
    """Every place in a JSON document."""
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for name, value in inner:
        yield (*place, name)
        yield from leaves(value, (*place, name))


ODD = (None, True, -1, 0, 10**30, 1e300, "", "x" * 1000, [], [[]], {}, {"a": {}})


def test_whatever_stands_at_any_place_of_the_configuration_is_read_or_refused(copy):
    """Never another error: 40 places and values, drawn from all."""
    content = json.loads((copy / CONFIG).read_text())
    draw, places = np.random.default_rng(0), list(leaves(content))
    refused = 0
    for number in draw.integers(len(places), size=40):
        changed(*places[number], value=ODD[draw.integers(len(ODD))])(copy)
        try:
            load_model(copy)
        except ModelError:
            refused += 1
        signed(copy, content)
    assert refused > 20


def test_a_signed_folder_without_a_mutation_is_read(copy):
    """Else the mutations above might be refused for their signature."""
    signed(copy)
    load_model(copy)


@pytest.mark.parametrize("name", [".", "nothing here"])
def test_what_is_no_model_is_one_sentence(tmp_path, name):
    with pytest.raises(ModelError, match=r"is missing|does not exist"):
        load_model(tmp_path / name)
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="is a file"):
        load_model(tmp_path / "file")


def test_a_model_is_never_written_over_its_input(model, copy):
    with pytest.raises(PathError, match="is also an input"):
        save_model(model, copy, inputs=[copy])
