"""Configurations are checked at the door, and the message says what would have been right."""

import numpy as np
import pytest

from ufama.config import (
    PAPER,
    SCALES,
    ConfigError,
    RunConfig,
    Scale,
    TrainingConfig,
    UfamaConfig,
    preset,
    scale,
    variant,
)


def run(**changes):
    return RunConfig(
        dataset="seed",
        protocol="cross_subject",
        fold="session1-subject1",
        seed=0,
        scale="quick",
        method="ufama",
        preset="paper",
        variant="M6",
        method_config=PAPER,
        training=TrainingConfig(),
    ).replace(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder_norm": "middle"}, "encoder_norm = 'middle': expected one of 'pre', 'post'"),
        ({"train_heads": "False"}, "train_heads = 'False': expected True or False"),
        ({"trusted_share": 1.5}, "trusted_share = 1.5: expected a number from 0 to 1"),
        ({"encoder_blocks": True}, "encoder_blocks = True: expected a whole number"),
        ({"width": 33}, "width = 33 does not divide into attention_heads = 2"),
        ({"wdth": 32}, "no field 'wdth'; it has encoder_norm, "),
    ],
)
def test_a_wrong_value_is_refused_with_the_right_ones(changes, message):
    with pytest.raises(ConfigError, match=message):
        PAPER.replace(**changes)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: preset("papr"), "preset 'papr' is not known; choose one of paper, released"),
        (lambda: scale("huge"), "scale 'huge' is not known; choose one of smoke, quick, tenth, paper"),
        (lambda: variant(PAPER, "M7"), "variant 'M7' is not known; choose one of M1, M2"),
        (lambda: run(protocol="loso"), "protocol = 'loso': expected one of 'cross_subject'"),
        (lambda: TrainingConfig(steps_per_epoch=0), "steps_per_epoch = 0"),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(call, message):
    with pytest.raises(ConfigError, match=message):
        call()


def test_configurations_are_frozen():
    with pytest.raises(AttributeError):
        PAPER.width = 3


def test_table_2_is_the_default():
    training = TrainingConfig()
    assert (training.learning_rate, training.batch_size, training.epochs) == (5e-4, 32, 400)
    assert (PAPER.trusted_share, PAPER.gate_confidence, PAPER.head_dropout) == (0.5, 0.9, 0.5)
    assert (PAPER.encoder_blocks, PAPER.attention_heads) == (3, 2)


def test_the_paper_scale_changes_nothing():
    assert SCALES["paper"].apply(PAPER, TrainingConfig()) == (PAPER, TrainingConfig())


def test_the_scale_tenth_is_the_papers_with_fewer_epochs():
    method, training = SCALES["tenth"].apply(PAPER, TrainingConfig())
    assert (method, training.replace(epochs=400), training.epochs) == (PAPER, TrainingConfig(), 40)


def test_a_scale_leaves_methods_without_its_widths_alone():
    method, training = SCALES["quick"].apply(TrainingConfig(), TrainingConfig())
    assert method == TrainingConfig()
    assert training.epochs == SCALES["quick"].epochs
    assert isinstance(SCALES["quick"], Scale)


def test_digest_names_configuration_data_and_method():
    names = {
        run().digest("data", 1),
        run(seed=1).digest("data", 1),
        run(method_config=PAPER.replace(distillation=False)).digest("data", 1),
        run().digest("other data", 1),
        run().digest("data", 2),
    }
    assert len(names) == 5
    assert run().digest("data", 1) == run().digest("data", 1)


def test_digest_is_the_same_on_every_machine():
    """A golden number: when it changes, every stored record is orphaned."""
    assert run().digest("data", 1) == GOLDEN


GOLDEN = "b380d3d8d98beaa6"


def test_numbers_of_numpy_are_settings_like_any_other():
    theirs = TrainingConfig(epochs=np.int64(3), learning_rate=np.float32(0.5))
    assert theirs == TrainingConfig(epochs=3, learning_rate=0.5)
    assert (type(theirs.epochs), type(theirs.learning_rate)) == (int, float)
    for value in (np.True_, np.float64(3), "3"):
        with pytest.raises(ConfigError, match="expected a whole number"):
            TrainingConfig(epochs=value)
    with pytest.raises(ConfigError, match="modality_head_width"):
        UfamaConfig(modality_head_width=0)
