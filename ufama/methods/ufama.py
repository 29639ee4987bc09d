"""UF-AMA (arXiv:2606.00170): compactness, MK-MMD, screened consistency and cross-modal distillation on the target."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from ufama import config as settings
from ufama.config import UfamaConfig
from ufama.core import losses
from ufama.core.mmd import ESTIMATORS
from ufama.core.network import Network, NetworkOutputs
from ufama.core.objective import Terms, branch_mean, branches_as_runs, consistency_weight, mmd_weight
from ufama.core.screening import gate_open, remember, screen
from ufama.methods import ProblemSpec, Step

EEG, EYE, FUSION = 0, 1, 2


class Ufama:
    """The method of the paper; every open or diverging decision is a switch of `UfamaConfig`."""

    name = "ufama"
    title = "UF-AMA"
    version = 1
    source = "arXiv:2606.00170"
    inputs = "eeg + eye"
    presets = settings.PRESETS
    variants = settings.VARIANTS
    checked_against = "slow twins of every equation, by-hand examples"
    search: ClassVar[Mapping[str, tuple]] = {
        "learning_rate": (5e-4, 1e-3, 2e-3, 4e-3),
        "trusted_share": (0.3, 0.5, 0.7),
        "distillation_weight": (1e-5, 1e-2),
    }

    def preset(self, name: str, *, dataset: str, variant: str) -> UfamaConfig:
        return settings.variant(settings.preset(name, dataset=dataset), variant)

    def context(self, config: UfamaConfig) -> int:
        return 1

    def build(self, config: UfamaConfig, task: ProblemSpec, seeds: list[int]) -> Network:
        card = task.card
        return Network(
            config,
            eeg_tokens=len(card.eeg_tokens),
            eeg_features=len(card.eeg_features),
            eye_features=len(card.eye_features),
            classes=len(card.class_names),
            seeds=seeds,
        )

    def trained(self, config: UfamaConfig, network: Network) -> list[nn.Parameter]:
        if config.train_heads:
            return list(network.parameters())
        frozen = {id(parameter) for parameter in network.heads().parameters()}
        return [parameter for parameter in network.parameters() if id(parameter) not in frozen]

    def initial_state(self, config: UfamaConfig, task: ProblemSpec, runs: int) -> dict[str, Tensor]:
        if config.screening_pool == "target":
            return {"remembered_confidence": torch.full((runs, task.target_windows, 2), -1.0)}
        return {}

    def predict(self, outputs: NetworkOutputs) -> Tensor:
        return outputs.probabilities()

    def terms(self, config: UfamaConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        source, target = step.source, step.target
        logits = branches_as_runs(source.eeg_logits, source.eye_logits, source.fusion_logits)
        label = step.source_label.repeat(3, 1)
        classification = branch_mean(losses.cross_entropy(logits, label).mean(-1))
        one = torch.ones_like(classification)
        values, weights = {"classification": classification}, {"classification": one}
        features = branches_as_runs(source.eeg_embedding, source.eye_embedding, source.fused)
        if config.compactness:
            if config.compactness_input == "features":
                compared = features
            else:
                compared = branches_as_runs(*source.probabilities().unbind(2))
            values["compactness"] = branch_mean(losses.compactness(compared, label, config.compactness_similarity))
            weights["compactness"] = one
        if config.mmd:
            estimate = ESTIMATORS[config.mmd_estimator]
            theirs = branches_as_runs(target.eeg_embedding, target.eye_embedding, target.fused)
            settings = (config.mmd_kernels, config.mmd_distance_floor, config.mmd_combination)
            values["mmd"] = branch_mean(estimate(features, theirs, *settings))
            weights["mmd"] = mmd_weight(step.epoch, config.mmd_schedule) * one
        if config.consistency == "none":
            return Terms(values, weights, {}, state)

        judged = target if config.pseudo_label_pass == "training" else step.evaluate_target()
        probabilities = judged.probabilities().detach()  # (R, B, 3, C)
        entered = (step.epoch >= config.fine_grained_from) * one
        weights["consistency"] = consistency_weight(classification, config.consistency_schedule) * entered
        if config.consistency == "unscreened":
            label = self._unscreened_label(config, probabilities)
            values["consistency"] = losses.cross_entropy(target.fusion_logits, label).mean(-1)
            return Terms(values, weights, {}, state)

        pool = None
        if config.screening_pool == "target":
            memory = remember(state["remembered_confidence"], step.target_row, probabilities[:, :, :2])
            state, pool = {"remembered_confidence": memory}, memory.flatten(1)
        screening = screen(probabilities[:, :, :2], config.trusted_share, pool)
        opened = gate_open(screening.threshold, config.gate_confidence, config.gate_inclusive)
        values["consistency"] = losses.consistency(
            target.fusion_logits, screening.pseudo_label[..., EEG], screening.consistent
        )
        groups = {
            "consistent": screening.consistent,
            "conflicting": screening.conflicting,
            "partly_low": screening.eeg_teaches | screening.eye_teaches,
            "unused": ~screening.kept.any(-1),
        }
        diagnostics = {name: group.sum(-1).to(one.dtype) for name, group in groups.items()}
        diagnostics |= {"gate_open": opened.to(one.dtype), "threshold": screening.threshold.to(one.dtype)}
        if config.distillation:
            fusion_label = probabilities[:, :, FUSION].argmax(-1)
            students = (
                (target.eye_logits, EEG, screening.eeg_teaches),
                (target.eeg_logits, EYE, screening.eye_teaches),
            )
            values["distillation"] = sum(
                losses.distillation(
                    logits,
                    screening.pseudo_label[..., teacher],
                    fusion_label,
                    teaches,
                    config.distillation_minimum,
                )
                for logits, teacher, teaches in students
            ) / len(students)
            weights["distillation"] = config.distillation_weight * opened * entered
        return Terms(values, weights, diagnostics, state)

    def audit(self, config: UfamaConfig, probabilities: Tensor, label: Tensor) -> dict[str, float]:
        """How often screening's pseudo-labels are right when a run's whole target is screened; of conflicting
        windows, how often one of both is."""
        screening = screen(probabilities[None, :, : EYE + 1], config.trusted_share)
        right = (screening.pseudo_label == label[:, None])[0]  # (N, 2)
        taught = torch.cat([right[screening.eeg_teaches[0], EEG], right[screening.eye_teaches[0], EYE]])
        return {
            "consistent_right": right[screening.consistent[0], EEG].double().mean().item(),
            "conflicting_right": right[screening.conflicting[0]].any(-1).double().mean().item(),
            "teacher_right": taught.double().mean().item(),
        }

    @staticmethod
    def _unscreened_label(config: UfamaConfig, probabilities: Tensor) -> Tensor:
        """Model 4's pseudo-label for every target window, (R, B): the paper does not define it (ledger row 28)."""
        if config.unscreened_label == "fusion":
            return probabilities[:, :, FUSION].argmax(-1)
        return probabilities[:, :, :FUSION].mean(2).argmax(-1)


METHOD = Ufama()
