"""Each page asks for the runs it says it shows."""

from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pytest

from tests.builders import made_windows
from ufama.analysis.training_length import SETTINGS
from ufama.campaigns import experiments, grids
from ufama.campaigns.experiments import DataRequest, Experiment, parameter_count, resolve
from ufama.campaigns.grids import (
    COMPARED_WITH,
    GRIDS,
    LEDGER_FLIPS,
    OPEN_FLIPS,
    SAME_FILM_PROTOCOLS,
    SHOWN_FOLDS,
    TABLE_GRIDS,
    WORLD_METHODS,
    WORLD_REFERENCES,
    compared_folds,
    comparison_grid,
    controls_grid,
    ladder_grid,
    ledger_grid,
    published_comparison_grid,
    same_film_grid,
    stability_grid,
    trainable,
    worlds_grid,
)
from ufama.campaigns.tuning import TRAINING, BestSettings, Candidate
from ufama.config import PAPER, RELEASED, TARGET_ACCESS, VARIANTS, ConfigError, TrainingConfig, scale
from ufama.data.controls import CONTROLS
from ufama.methods import method, methods


@pytest.fixture
def table(small_table, tmp_path, monkeypatch):
    """The small set, for which nothing is tuned."""
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path))
    return DataRequest(dataset=str(small_table))


def runs(grid):
    return [config for block in grid for config in block.configs()]


def test_the_flips_lead_from_paper_to_released():
    """All of them together, row 2 aside, are preset released; each alone is not paper."""
    together = {}
    for row, changed in LEDGER_FLIPS.items():
        assert PAPER.replace(**changed) != PAPER
        assert not together.keys() & changed.keys()
        if row != 2:
            together |= changed
    assert PAPER.replace(**together) == RELEASED


def test_the_open_rows_are_alike_in_both_presets():
    of_the_method = {field.name for field in fields(PAPER)}
    for changed in OPEN_FLIPS.values():
        for name, value in changed.items():
            if name in of_the_method:
                assert getattr(PAPER, name) == getattr(RELEASED, name) != value
            else:
                assert getattr(TrainingConfig(), name) != value


def test_the_ledger_grid_changes_one_row_at_a_time(table):
    made = runs(ledger_grid(table, scale="smoke"))
    configs = {(run.preset, run.method_config, run.training) for run in made}
    assert len(configs) == 2 + len(LEDGER_FLIPS) - 1 + len(OPEN_FLIPS)  # row 2 is SEED's


@pytest.mark.parametrize("dataset, subjects", [("seed", 12), ("seed_iv", 15)])
def test_the_compared_folds_hold_out_every_person_once(dataset, subjects, monkeypatch):
    """In as many folds of each session, the fold of Fig. 7 among them. Of the recordings, people and sessions count."""
    windows = made_windows(subjects=subjects, sessions=3, trials=2)
    monkeypatch.setattr(experiments, "open_dataset", lambda *_, **__: windows)
    names = compared_folds(DataRequest(dataset=dataset, data_root="made up"), "quick")
    assert sorted(name.split("-")[1] for name in names) == sorted(f"subject{n + 1}" for n in range(subjects))
    assert Counter(name.split("-")[0] for name in names) == {f"session{n}": subjects // 3 for n in (1, 2, 3)}
    assert SHOWN_FOLDS[dataset]["cross_subject"] in names


def test_a_person_with_fewer_sessions_is_held_out_once_too(table, monkeypatch):
    windows = made_windows(subjects=4, sessions=3, trials=2)
    lacking = windows.select(~((windows.subject == 2) & (windows.session > 1)))
    monkeypatch.setattr(experiments, "open_dataset", lambda *_, **__: lacking)
    names = compared_folds(DataRequest(dataset="made up", data_root="lacking"), "quick")
    assert names == ("session1-subject1", "session1-subject2", "session1-subject4", "session3-subject3")


def test_beside_published_tables_everybody_is_trained_on(table, monkeypatch):
    """The same blocks as the comparison's, of the table's methods alone; another data set has no table."""
    assert published_comparison_grid(table, scale="smoke") == []
    monkeypatch.setitem(grids.TABLE_METHODS, table.dataset, ("svm", "ufama"))
    asked = published_comparison_grid(table, scale="smoke", methods=["ufama", "dann"])
    assert {(block.method, block.training.validation_subjects) for block in asked} == {("ufama", 0)}
    held_out = TrainingConfig().validation_subjects
    assert [replace(block, training=block.training.replace(validation_subjects=held_out)) for block in asked] == [
        block for block in comparison_grid(table, scale="smoke", methods=["ufama"]) if block.method == "ufama"
    ]


def test_recordings_of_one_session_are_asked_for_the_protocols_that_they_allow(monkeypatch):
    windows = made_windows(subjects=4, sessions=1, trials=2)
    monkeypatch.setattr(experiments, "open_dataset", lambda *_, **__: windows)
    data = DataRequest(dataset="made up", data_root="one session")
    for name, grid in GRIDS.items():
        assert {block.protocol for block in grid(data, scale="smoke")} == {"cross_subject"}, name


def test_every_grid_asks_for_the_compared_folds_or_all(table):
    every, compared = compared_folds(table, "paper"), compared_folds(table, "smoke")
    assert len(every) == 2 * len(compared) == 8
    for name, grid in GRIDS.items():
        for size, expected in (("smoke", every if name == "stability" else compared), ("paper", every)):
            folds = {run.fold for run in runs(grid(table, scale=size)) if run.protocol == "cross_subject"}
            assert folds == set(expected), (name, size)


@pytest.mark.parametrize(("scale", "seeds"), [("smoke", {0, 1, 2}), ("paper", {0, 1, 2, 3, 4})])
def test_stability_has_several_seeds(table, scale, seeds):
    assert {run.seed for run in runs(stability_grid(table, scale=scale))} == seeds


def test_the_length_grid_has_every_model_and_every_setting_that_its_page_shows(table):
    made = runs(grids.length_grid(table, scale="smoke"))
    assert {(run.protocol, run.preset) for run in made if run.variant == "M6"} == set(SETTINGS)
    across = [run for run in made if run.protocol == "cross_subject"]
    assert {run.fold for run in across} == set(compared_folds(table, "smoke"))
    of_paper = {run.variant for run in across if run.preset == "paper"}
    assert of_paper == set(VARIANTS) and {run.variant for run in across if run.preset == "released"} == {"M6"}


def test_the_ladder_has_every_rung_with_equal_steps(table):
    made = runs(ladder_grid(table, scale="smoke"))
    rungs = {(run.training.target_access, run.variant) for run in made}
    assert rungs == {(access, v) for access in TARGET_ACCESS for v in ("M2", "M6")} - {("none", "M6")}
    assert {run.training.epoch_length for run in made} == {"source"}
    assert {run.training.scaling for run in made if run.training.target_access == "none"} == {"source_zscore"}


def test_every_control_that_applies_is_asked_for(table):
    """The small set has no eye feature that is constant in trials."""
    blocks = controls_grid(table, scale="smoke")
    assert {block.data.control for block in blocks} == set(CONTROLS) - {"eye_constant_rows_removed"}
    relabelled = {block.protocol for block in blocks if block.data.control == "clips_relabelled"}
    assert relabelled == {"cross_subject", "cross_session", "cross_subject_session"}


# --- the comparison of methods --------------------------------------------------------------------------------


def asked(grid):
    return [(block.method, block.preset, block.protocol) for block in grid]


def test_every_method_under_its_first_preset_and_released_on_both_protocols(table):
    grid = comparison_grid(table, scale="smoke", preset="released", seeds=(3, 5))
    rows = set(asked(grid))
    assert len(rows) == len(grid)
    on_a_map = {name for name, chosen in methods().items() if "electrode maps" in chosen.inputs}
    assert len(on_a_map) == 5
    assert {method for method, *_ in rows} == set(methods()) - on_a_map  # the table names no electrodes
    for name, chosen in methods().items():
        if name in on_a_map:
            continue
        presets = {chosen.presets[0], *(preset for preset in chosen.presets if preset == "released")}
        assert {row[1:] for row in rows if row[0] == name} == {
            (preset, protocol) for preset in presets for protocol in ("cross_subject", "cross_session")
        }
    folds = {"cross_subject": compared_folds(table, "smoke"), "cross_session": None}
    assert all(
        (block.fold_names, block.variants, block.seeds) == (folds[block.protocol], None, (3, 5)) for block in grid
    )


def test_no_method_is_left_out_where_electrodes_have_places(monkeypatch):
    windows = made_windows(subjects=4, sessions=2, trials=2)
    named = replace(windows, card=replace(windows.card, eeg_tokens=("FP1", "FZ", "F7", "F8", "CZ", "PZ", "OZ")))
    monkeypatch.setattr(experiments, "open_dataset", lambda *_, **__: named)
    data = DataRequest(dataset="made up", data_root="with electrodes")
    assert {block.method for block in comparison_grid(data, scale="smoke")} == set(methods())


def test_an_error_that_is_not_about_electrodes_is_not_a_method_left_out(table, monkeypatch):
    def build(*_):
        raise ConfigError("width = 0: expected more.")

    monkeypatch.setattr(method("dann"), "build", build)
    with pytest.raises(ConfigError, match="width = 0"):
        comparison_grid(table, scale="smoke", methods=["dann"])


def test_the_reference_is_always_there_once(table):
    assert [block.method for block in comparison_grid(table, scale="smoke", methods=["majority"])] == [
        COMPARED_WITH, COMPARED_WITH, "majority", "majority",
    ]  # fmt: skip
    assert len(comparison_grid(table, scale="smoke", methods=[COMPARED_WITH])) == 2


def test_kept_settings_are_used_and_the_untuned_have_their_defaults(table, monkeypatch):
    kept = {Candidate("ufama", "released"): BestSettings({"learning_rate": 0.004, "trusted_share": 0.3}, 8, False)}
    monkeypatch.setattr(grids, "stored_tuning", lambda data, scale: kept)
    blocks = {asked([block])[0]: block for block in comparison_grid(table, scale="smoke", methods=["ufama"])}
    for protocol in ("cross_subject", "cross_session"):
        tuned, plain = blocks["ufama", "released", protocol], blocks["ufama", "paper", protocol]
        assert (tuned.changes, tuned.learning_rate) == ({"trusted_share": 0.3}, 0.004)
        assert (plain.changes, plain.learning_rate) == ({}, None)
        assert tuned.configs()[0].training.learning_rate == 0.004
        assert plain.configs()[0].training.learning_rate == scale("smoke").learning_rate


def test_parameters_are_counted_by_hand(table):
    hidden, width = 128, scale("smoke").width  # the plain network's hidden layer, and the scale's embedding
    eeg, eye, classes = 7 * 3, 5, 3
    by_hand = sum(
        inputs * outputs + outputs
        for inputs, outputs in ((eeg, hidden), (hidden, width), (eye, hidden), (hidden, width), (2 * width, classes))
    )
    assert parameter_count(Experiment(data=table, method="source_only", scale="smoke")) == by_hand
    assert parameter_count(Experiment(data=table, method="majority", scale="smoke")) is None


def test_a_method_from_elsewhere_is_compared_like_any_other(table, tmp_path, monkeypatch):
    (tmp_path / "of_mine.py").write_text(
        "from ufama.methods.source_only import SourceOnly\n\n\n"
        "class Mine(SourceOnly):\n    title = 'Mine'\n\n\nMETHOD = Mine()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    blocks = comparison_grid(table, scale="smoke", methods=["of_mine:METHOD"])
    assert [block.method for block in blocks] == [COMPARED_WITH, COMPARED_WITH, "of_mine:METHOD", "of_mine:METHOD"]
    assert parameter_count(blocks[2]) == parameter_count(blocks[0])
    with pytest.raises(ConfigError, match=r"'of_mine:OTHER' cannot be had: .*'OTHER'.*such as 'my_module:METHOD'"):
        method("of_mine:OTHER")


def test_the_same_film_grid_sets_every_possible_method_in_four_cells_with_equally_many_steps(long_table):
    data = DataRequest(dataset=str(long_table))
    blocks = same_film_grid(data, methods=["svm", "hadua", "ufama", "da_capsnet", "majority"], scale="smoke")
    assert not trainable(data, Candidate("da_capsnet", "paper"))  # needs electrodes whose places are known
    names = {block.method for block in blocks}
    assert names == {"svm", "hadua", "ufama", "majority"}
    cells = [block for block in blocks if not block.data.control and block.protocol != "cross_subject_pooled"]
    for name in names:
        assert [block.protocol for block in cells if block.method == name and block.preset == "paper"] == [
            *SAME_FILM_PROTOCOLS
        ]
    permuted = [block for block in blocks if block.data.control]
    assert {(block.data.control, block.protocol) for block in permuted} == {("labels_shuffled", "cross_subject")}
    networks = [block for block in blocks if block.method in ("ufama", "hadua")]
    assert {job.steps for job in resolve(networks)} == {2}  # as the scale says, whatever the protocol
    assert {block.variants for block in blocks if block.method == "ufama"} == {("M1", "M6"), None}


def test_the_real_grid_holds_sessions_out_where_there_are_several_and_subjects_elsewhere(long_table, tmp_path):
    with np.load(long_table) as both:
        np.savez(tmp_path / "one.npz", **{name: both[name][both["session"] == 1] for name in both})
    for table, protocol in ((long_table, "cross_session"), (tmp_path / "one.npz", "cross_subject")):
        jobs = resolve(TABLE_GRIDS["real"](DataRequest(dataset=str(table)), scale="smoke", seeds=(0, 1)))
        assert {(job.config.protocol, job.config.variant, job.config.seed) for job in jobs} == {
            (protocol, variant, seed) for variant in ("M1", "M6") for seed in (0, 1)
        }
        assert {job.steps for job in jobs} == {scale("smoke").steps_per_epoch}
        assert {job.config.training.window_stride for job in jobs} == {1}


def test_the_worlds_grid_trains_the_same_methods_everywhere_with_equally_many_steps(long_table, monkeypatch):
    """In a simulated world exactly as the comparison does without tuning; tables keep their windows."""
    assert TABLE_GRIDS["worlds"] is worlds_grid
    table = DataRequest(dataset=str(long_table))
    blocks = worlds_grid(table, scale="smoke")
    assert [block.method for block in blocks] == [*WORLD_REFERENCES, *WORLD_METHODS]
    assert len(WORLD_METHODS) == len(set(WORLD_METHODS) - set(WORLD_REFERENCES)) == 10
    assert all(trainable(table, Candidate(block.method, "paper")) for block in blocks)
    assert {block.variants for block in blocks if block.method == "ufama"} == {("M1", "M6")}
    jobs = resolve(worlds_grid(table, scale="smoke", methods=["ridge", "dann", "ufama"]))
    assert {job.config.variant for job in jobs if job.config.method == "ufama"} == {"M1", "M6"}
    assert {job.steps for job in jobs} == {scale("smoke").steps_per_epoch}
    assert {job.config.training.window_stride for job in jobs} == {1}
    assert {job.config.fold for job in jobs} == {"session1-subject1", "session2-subject2", "session1-subject3"}

    monkeypatch.setattr(experiments, "open_dataset", lambda *_, **__: made_windows(subjects=6, sessions=2, trials=4))
    monkeypatch.setattr(grids, "stored_tuning", lambda data, scale: {})
    simulated = DataRequest(dataset="seed_signals", data_root="made up")
    chosen = {"scale": "smoke", "methods": ["source_only", "dann"]}
    compared = [block for block in comparison_grid(simulated, **chosen) if block.protocol == "cross_subject"]
    assert [block.training for block in worlds_grid(simulated, **chosen)] == [TRAINING, TRAINING]
    assert {block.fold_names for block in worlds_grid(simulated, **chosen)} == {compared_folds(simulated, "smoke")}
    ours = {run.digest("any", 1) for run in runs(worlds_grid(simulated, **chosen))}
    assert ours <= {run.digest("any", 1) for run in runs(compared)}
