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
from ufama.core.screening import Screening, gate_open, screen, update_memory, whole_pool
from ufama.methods import ProblemSpec, Step

EEG, EYE, FUSION = 0, 1, 2
TIE_DRAWS = 0  # of the step's random draws; dropout layers are numbered from 1


class Ufama:
    """The method of the paper; every open or diverging decision is a switch of `UfamaConfig`."""

    name = "ufama"
    title = "UF-AMA"
    version = 1
    source = "arXiv:2606.00170"
    inputs = "eeg + eye"
    presets = ("paper", "released")
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

    def build(self, config: UfamaConfig, problem: ProblemSpec, seeds: list[int]) -> Network:
        card = problem.card
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

    def initial_state(self, config: UfamaConfig, problem: ProblemSpec, runs: int) -> dict[str, Tensor]:
        if config.screening_pool == "target":
            return {"confidence_memory": torch.full((runs, problem.target_windows, 2), -1.0)}
        return {}

    def predict(self, outputs: NetworkOutputs) -> Tensor:
        return outputs.probabilities()

    def terms(self, config: UfamaConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        source, target = step.source, step.target
        label = step.source_label.repeat(3, 1)
        source_logits = branches_as_runs(source.eeg_logits, source.eye_logits, source.fusion_logits)
        source_features = branches_as_runs(source.eeg_embedding, source.eye_embedding, source.fused)

        classification = branch_mean(losses.cross_entropy(source_logits, label).mean(-1))
        ones = torch.ones_like(classification)
        values, weights = {"classification": classification}, {"classification": ones}
        if config.compactness:
            compared = source_features
            if config.compactness_input == "probabilities":
                compared = branches_as_runs(*source.probabilities().unbind(2))
            values["compactness"] = branch_mean(losses.compactness(compared, label, config.compactness_similarity))
            weights["compactness"] = ones
        if config.mmd:
            target_features = branches_as_runs(target.eeg_embedding, target.eye_embedding, target.fused)
            distance = ESTIMATORS[config.mmd_estimator](
                source_features,
                target_features,
                kernels=config.mmd_kernels,
                floor=config.mmd_distance_floor,
                combination=config.mmd_combination,
            )
            values["mmd"] = branch_mean(distance)
            weights["mmd"] = mmd_weight(step.epoch, config.mmd_schedule) * ones
        if config.consistency == "none":
            return Terms(values, weights, {}, state)

        pseudo_label_outputs = target if config.pseudo_label_pass == "training" else step.evaluate_target()
        probabilities = pseudo_label_outputs.probabilities().detach()  # (R, N, 3, C)
        entered = (step.epoch >= config.fine_grained_from) * ones
        weights["consistency"] = consistency_weight(classification, config.consistency_schedule) * entered
        if config.consistency == "unscreened":
            pseudo_label = self._unscreened_label(config, probabilities)
            values["consistency"] = losses.cross_entropy(target.fusion_logits, pseudo_label).mean(-1)
            return Terms(values, weights, {}, state)

        pool = tie_draws = None
        if config.screening_pool == "target":
            memory = update_memory(state["confidence_memory"], step.target_row, probabilities[:, :, :FUSION])
            state, pool = {"confidence_memory": memory}, memory.flatten(1)
        elif config.confidence_ties == "drawn":
            runs, windows = probabilities.shape[:2]
            tie_draws = step.noise.uniform(TIE_DRAWS, torch.Size((runs, 2 * windows)))
        screening = screen(probabilities[:, :, :FUSION], config.trusted_share, pool, tie_draws)
        opened = gate_open(screening.threshold, config.gate_confidence, config.gate_inclusive)
        values["consistency"] = losses.consistency(
            target.fusion_logits, screening.pseudo_label[..., EEG], screening.consistent
        )
        if config.distillation:
            values["distillation"] = self._distillation(config, target, screening, probabilities)
            weights["distillation"] = config.distillation_weight * opened * entered
        return Terms(values, weights, self._diagnostics(screening, opened, ones.dtype), state)

    @staticmethod
    def _distillation(
        config: UfamaConfig, target: NetworkOutputs, screening: Screening, probabilities: Tensor
    ) -> Tensor:
        """(R,) the mean of both directions: EEG teaches eye, and eye teaches EEG."""
        fusion_label, minimum = probabilities[:, :, FUSION].argmax(-1), config.distillation_minimum
        eeg_label, eye_label = screening.pseudo_label.unbind(-1)
        eye_learns = losses.distillation(target.eye_logits, eeg_label, fusion_label, screening.eeg_teaches, minimum)
        eeg_learns = losses.distillation(target.eeg_logits, eye_label, fusion_label, screening.eye_teaches, minimum)
        return (eye_learns + eeg_learns) / 2

    @staticmethod
    def _diagnostics(screening: Screening, opened: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        """(R,) each: windows per group, and the gate."""
        groups = {
            "consistent": screening.consistent,
            "conflicting": screening.conflicting,
            "partly_low": screening.eeg_teaches | screening.eye_teaches,
            "unused": ~screening.kept.any(-1),
        }
        counts = {name: group.sum(-1).to(dtype) for name, group in groups.items()}
        return counts | {"gate_open": opened.to(dtype), "threshold": screening.threshold.to(dtype)}

    def audit(self, config: UfamaConfig, probabilities: Tensor, label: Tensor) -> dict[str, Tensor]:
        """How often screening's pseudo-labels are right when a run's whole target is screened; of conflicting
        windows, how often one of both is."""
        modalities, exists = probabilities[:, :, : EYE + 1], label >= 0
        pool = whole_pool(modalities).unflatten(1, (-1, 2)).masked_fill(~exists[..., None], -1).flatten(1)
        screening = screen(modalities, config.trusted_share, pool)
        right = screening.pseudo_label == label[..., None]  # (R, N, 2)

        def share(*groups: tuple[Tensor, Tensor]) -> Tensor:
            """(R,) of the windows in the groups, those that are right: pairs of right (R, N) and group (R, N)."""
            hits = torch.stack([correct & group & exists for correct, group in groups]).sum((0, 2))
            return hits.double() / torch.stack([group & exists for _, group in groups]).sum((0, 2))

        return {
            "consistent_right": share((right[..., EEG], screening.consistent)),
            "conflicting_right": share((right.any(-1), screening.conflicting)),
            "teacher_right": share((right[..., EEG], screening.eeg_teaches), (right[..., EYE], screening.eye_teaches)),
        }

    @staticmethod
    def _unscreened_label(config: UfamaConfig, probabilities: Tensor) -> Tensor:
        """Model 4's pseudo-label for every target window, (R, B): the paper does not define it (ledger row 28)."""
        if config.unscreened_label == "fusion":
            return probabilities[:, :, FUSION].argmax(-1)
        return probabilities[:, :, :FUSION].mean(2).argmax(-1)


METHOD = Ufama()
