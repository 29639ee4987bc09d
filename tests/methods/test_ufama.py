"""UF-AMA's step: what it trains, what it may read, and that every switch of the ledger changes something."""

from dataclasses import fields

import pytest
import torch

from tests.methods.steps import first_outputs, one_step
from ufama.config import PAPER, VARIANTS, ConfigError, TrainingConfig, UfamaConfig, preset, variant
from ufama.core import losses
from ufama.core.mmd import mmd_quadratic
from ufama.core.random import CounterRNG
from ufama.core.screening import screen
from ufama.data.folds import folds, scaled
from ufama.methods import Step, method, methods
from ufama.methods.ufama import METHOD
from ufama.training.batches import make_split
from ufama.training.trainer import Trainer

SMALL = {"width": 8, "ffn_width": 12, "fusion_width": 16, "modality_head_width": 6, "fusion_head_width": 10}
SURE = {"gate_confidence": 0.0, "fine_grained_from": 0}
TRAINING = TrainingConfig(batch_size=16, epochs=2, precision="float64")


def trainer(windows, config, training=TRAINING, seeds=(0,), changes=SMALL):
    fold = folds(windows, "cross_subject")[0]
    parts = [make_split(windows, fold, training, seed) for seed in seeds]
    return Trainer(METHOD, config.replace(**changes), training, scaled(windows, training.scaling), parts, list(seeds))


def test_exactly_the_heads_stay_still_in_preset_released(small):
    _, moved, everything = one_step(trainer(small, preset("released", dataset="seed_iv")), 20.0)
    still = everything - moved
    assert still == {name for name in everything if name.split(".")[0] in ("eeg_head", "eye_head", "fusion_head")}
    assert still


@pytest.mark.parametrize("name", VARIANTS)
def test_each_variant_has_its_terms(small, name):
    terms, moved, everything = one_step(trainer(small, variant(PAPER, name)), 20.0)
    order = ["classification", "compactness", "mmd", "consistency", "distillation"]
    count = {"M1": 1, "M2": 2, "M3": 3, "M4": 4, "M5": 4, "M6": 5}[name]
    assert list(terms.losses) == list(terms.weights) == order[:count]
    assert moved == everything
    assert all(value.shape == (1,) and torch.isfinite(value).all() for value in terms.losses.values())


def test_total_is_the_paper_s_weighted_sum(small):
    made = trainer(small, PAPER, changes=SMALL | SURE)
    terms, _, _ = one_step(made, 20.0)
    v, w = terms.losses, terms.weights
    by_hand = (
        v["classification"]
        + v["compactness"]
        + (2 / (1 + 2.718281828459045**-10) - 1.5) * v["mmd"]
        + w["consistency"] * v["consistency"]
        + 1e-5 * v["distillation"]
    )
    assert w["consistency"].item() in (0.5, 0.2, 0.1)
    assert torch.allclose(terms.total(), by_hand, rtol=1e-12)


def test_a_step_reads_labels_beside_the_source_and_screens_the_target(small):
    """Without dropout a step's terms are those of two separate passes over the batch's two halves."""
    made = trainer(small, PAPER.replace(head_dropout=0.0), changes=SMALL | SURE)
    source, target, s, t = first_outputs(made)
    expected = losses.cross_entropy(s.fusion_logits, source.label).mean() / 2
    for logits in (s.eeg_logits, s.eye_logits):
        expected = expected + losses.cross_entropy(logits, source.label).mean() / 4
    screening = screen(t.probabilities()[:, :, :2], 0.5)
    terms = made.step(source, target, torch.tensor(20.0, dtype=torch.float64))
    assert terms.losses["classification"].item() == pytest.approx(expected.item(), rel=1e-10)
    assert terms.diagnostics["threshold"].item() == pytest.approx(screening.threshold.item(), rel=1e-10)


def test_terms_are_the_branches_losses(small):
    made = trainer(small, PAPER.replace(screening_pool="batch"), changes=SMALL | SURE)
    source, target, s, t = first_outputs(made)
    with torch.no_grad():
        draw = torch.Generator().manual_seed(8)
        t = t._replace(  # surer of itself than an untrained network, so that no group is empty
            **{
                name: 2 * torch.randn(t.eeg_logits.shape, generator=draw, dtype=torch.float64)
                for name in ("eeg_logits", "eye_logits", "fusion_logits")
            }
        )
        epoch = torch.tensor(20.0, dtype=torch.float64)
        step = Step(
            network=made.network,
            noise=CounterRNG(made.noise_seeds, made.steps_done),
            source=s,
            source_label=source.label,
            source_domain=source.domain,
            source_clip=source.clip,
            target=t,
            target_row=target.row,
            epoch=epoch,
            progress=epoch / 40,
            evaluate_target=None,
        )
        terms = METHOD.terms(made.config, step, {})
        cross = [losses.cross_entropy(z, source.label).mean() for z in (s.eeg_logits, s.eye_logits, s.fusion_logits)]
        assert terms.losses["classification"].item() == pytest.approx(
            (cross[0] / 4 + cross[1] / 4 + cross[2] / 2).item()
        )
        mmd = [mmd_quadratic(a, b).item() for a, b in zip(s[:3], t[:3], strict=True)]
        assert terms.losses["mmd"].item() == pytest.approx(mmd[0] / 4 + mmd[1] / 4 + mmd[2] / 2)
        screening = screen(t.probabilities()[:, :, :2], 0.5)
        right = losses.consistency(t.fusion_logits, screening.pseudo_label[..., 0], screening.consistent)
        assert terms.losses["consistency"].item() == pytest.approx(right.item())
        fused = t.fusion_logits.argmax(-1)
        eye_learns = losses.distillation(t.eye_logits, screening.pseudo_label[..., 0], fused, screening.eeg_teaches)
        eeg_learns = losses.distillation(t.eeg_logits, screening.pseudo_label[..., 1], fused, screening.eye_teaches)
        assert eye_learns > 0
        assert eeg_learns > 0
        assert terms.losses["distillation"].item() == pytest.approx(((eye_learns + eeg_learns) / 2).item())
        for name in ("consistent", "conflicting"):
            assert terms.diagnostics[name].item() == getattr(screening, name).sum().item()


def test_the_audit_counts_right_pseudo_labels_by_group():
    """Half of the entries kept: windows 0 and 1 by both modalities, 2 by EEG, 3 by eye, 6 by both and in conflict."""
    eeg = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.6, 0.4], [0.6, 0.4], [0.9, 0.1], [0.6, 0.4]])
    eye = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.5, 0.5], [0.1, 0.9], [0.6, 0.4], [0.5, 0.5], [0.1, 0.9], [0.5, 0.5]])
    label = torch.tensor([0, 1, 1, 0, 0, 0, 1, 0])
    probabilities = torch.stack([eeg, eye, eeg], dim=1).double()
    expected = {"consistent_right": 0.5, "conflicting_right": 1.0, "teacher_right": 0.5}
    of_seven = METHOD.audit(PAPER, probabilities[None, :7], label[None, :7])
    padded = torch.cat([probabilities[:7], probabilities[:1]])  # a confident eighth window, which does not exist
    padded_label = torch.cat([label[:7], torch.tensor([-1])])
    together = METHOD.audit(PAPER, torch.stack([probabilities, padded]), torch.stack([label, padded_label]))
    for name, value in together.items():
        assert value.tolist() == [expected[name], of_seven[name].item()], name
    nobody = METHOD.audit(PAPER.replace(trusted_share=0.0), probabilities[None], label[None])
    assert all(value.isnan().all() for value in nobody.values())  # there is nothing to be right about


def test_fine_grained_terms_wait_for_their_stage(small):
    for epoch, entered in ((10.0, False), (11.0, True)):
        terms, _, _ = one_step(trainer(small, PAPER, changes=SMALL | {"gate_confidence": 0.0}), epoch)
        assert (terms.weights["consistency"].item() > 0) == entered
        assert (terms.weights["distillation"].item() > 0) == entered


def test_a_closed_gate_stops_distillation_only(small):
    terms, _, _ = one_step(
        trainer(small, PAPER, changes=SMALL | {"gate_confidence": 1.0, "fine_grained_from": 0}), 20.0
    )
    assert terms.weights["distillation"].item() == 0
    assert terms.weights["consistency"].item() > 0
    assert terms.diagnostics["gate_open"].item() == 0


def test_ties_are_drawn_anew_in_every_step_and_for_every_run(small):
    """Both modalities are certain of every window: what is kept of a batch is then the draw's choice alone."""
    kept = {}
    for ties in ("drawn", "eeg_first"):
        config = PAPER.replace(screening_pool="batch", confidence_ties=ties, head_dropout=0.0)
        made = trainer(small, config, seeds=(0, 1), changes=SMALL | SURE)
        with torch.no_grad():
            for head in (made.network.eeg_head, made.network.eye_head):
                head.output.bias.copy_(1e4 * torch.eye(head.output.bias.shape[-1])[0])
        made.batches.draw_epoch(0)
        terms = [made.step(*made.batches.step(0), torch.tensor(20.0, dtype=torch.float64)) for _ in range(2)]
        kept[ties] = torch.stack([step.diagnostics["partly_low"] for step in terms])
    assert (kept["eeg_first"] == 16).all()  # all 16 windows by their EEG entry, none by the eye's
    assert len(kept["drawn"].unique()) > 1
    assert (kept["drawn"] < 16).all()


def losses_over_steps(windows, config, steps=4, seeds=(0,)):
    made = trainer(windows, config, seeds=seeds, changes=SMALL | SURE | {"distillation_weight": 1.0})
    made.batches.draw_epoch(0)
    values = []
    for number in range(min(steps, made.batches.steps)):
        epoch = torch.tensor(20.0 + 30 * number, dtype=torch.float64)
        values.append(made.step(*made.batches.step(number), epoch).total().sum().item())
    return values


FLIPS = [
    {"encoder_norm": "post"},
    {"encoder_dropout": 0.1},
    {"attention_bias": True},
    {"encoder_blocks": 1},
    {"eeg_token_axis": "bands"},
    {"branch_feature": "mean"},
    {"fusion_norm": False},
    {"head_dropout": 0.0},
    {"train_heads": False},
    {"compactness_input": "probabilities"},
    {"compactness_similarity": "cosine", "compactness_input": "probabilities"},
    {"mmd_estimator": "neighbours"},
    {"mmd_kernels": 3},
    {"mmd_combination": "mean"},
    {"mmd_distance_floor": 1e-5},
    {"mmd_schedule": "constant"},
    {"screening_pool": "batch"},
    {"initial_weights": "framework"},
    {"trusted_share": 0.2},
    {"consistency_schedule": "constant"},
    {"pseudo_label_pass": "evaluation"},
    {"compactness": False},
    {"mmd": False},
    {"consistency": "unscreened"},
    {"consistency": "none"},
    {"distillation": False},
]


@pytest.mark.parametrize("flip", FLIPS, ids=lambda flip: "-".join(flip))
def test_every_switch_changes_the_training(small, flip):
    assert losses_over_steps(small, PAPER.replace(**flip)) != losses_over_steps(small, PAPER)


def test_the_switches_that_need_their_own_setting(small):
    """gate, minimum, M4's label and the stage act in settings that the list above does not reach."""
    tested = {name for flip in FLIPS for name in flip} | set(SMALL) | set(SURE)
    elsewhere = {
        "confidence_ties",
        "attention_heads",
        "gate_inclusive",
        "distillation_minimum",
        "distillation_weight",
        "unscreened_label",
    }
    assert {field.name for field in fields(UfamaConfig)} == tested | elsewhere
    unscreened = PAPER.replace(consistency="unscreened")
    of_fusion = unscreened.replace(unscreened_label="fusion")
    few = range(4)  # an untrained network finds one class everywhere, often by both labels
    assert losses_over_steps(small, unscreened, seeds=few) != losses_over_steps(small, of_fusion, seeds=few)
    assert losses_over_steps(small, PAPER.replace(distillation_minimum=1000)) != losses_over_steps(small, PAPER)
    assert losses_over_steps(small, PAPER.replace(attention_heads=4)) != losses_over_steps(small, PAPER)


def test_methods_are_found_by_name():
    assert methods()["ufama"] is METHOD
    with pytest.raises(ConfigError, match=r"'nosuch' is not known; choose one of .*ufama"):
        method("nosuch")
