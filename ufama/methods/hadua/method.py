"""HADUA's presets, loss terms and optimiser groups."""

from torch import Tensor, nn
from torch.nn import functional

from ufama.core.mmd import mmd_quadratic
from ufama.core.objective import Terms
from ufama.methods.bases.network import NetworkMethod, search_space, source_cross_entropy, weighted_terms
from ufama.methods.contract import ProblemSpec, Step
from ufama.methods.hadua.confidence import ConfidenceStatistics, initial_statistics, weight_pseudo_labels
from ufama.methods.hadua.config import PAPER, RELEASED, HaduaConfig
from ufama.methods.hadua.network import HaduaNetwork
from ufama.methods.parts.conditional_mmd import conditional_mmd, conditional_weight
from ufama.methods.parts.outputs import SingleHeadOutputs


class Hadua(NetworkMethod[HaduaConfig, SingleHeadOutputs]):
    """Its head is the fusion branch; the modalities have no heads."""

    name = "hadua"
    title = "HADUA"
    version = 2
    source = "arXiv:2601.21488"
    inputs = "eeg + eye, sequences of windows"
    presets = ("paper", "released")
    variants = ("H1", "H2", "H3", "H4", "H5")
    checked_against = "slow twins of every equation, by-hand examples"
    network_class = HaduaNetwork
    defaults = PAPER
    search = search_space(learning_rate=(5e-3, 1e-2, 2e-2, 5e-2), sequence_windows=(1, 4, 8))

    def preset(self, name: str, *, dataset: str, variant: str) -> HaduaConfig:
        """The preset with the modules of a variant.

        H1 is the network, H2 adds marginal MMD, H3 conditional MMD, H4 uniform alignment, H5 Gaussian weights: the
        whole method. In `released` the conditional term is not in the loss, so H2 to H5 train alike.
        """
        self.check_names(name, variant)
        config, step = {"paper": PAPER, "released": RELEASED}[name], self.variants.index(variant) + 1
        return config.replace(
            mmd=step >= 2,
            conditional=config.conditional and step >= 3,
            uniform_alignment=step >= 4,
            gaussian_weights=step >= 5,
        )

    def context(self, config: HaduaConfig) -> int:
        return config.sequence_windows

    def trained(self, config: HaduaConfig, network: HaduaNetwork) -> list[dict]:
        """The extractors at their own rate; attention and, with ``train_head``, the head at the other."""

        def group(modules: list[nn.Module], rate: float) -> dict:
            parameters = [parameter for module in modules for parameter in module.parameters()]
            return {"params": parameters, "lr": rate, "weight_decay": config.weight_decay}

        rest: list[nn.Module] = [network.attention, network.head] if config.train_head else [network.attention]
        return [
            group([network.eeg_extractor, network.eye_extractor], config.extractor_rate * config.learning_rate),
            group(rest, config.learning_rate),
        ]

    def initial_state(self, config: HaduaConfig, problem: ProblemSpec, runs: int) -> dict[str, Tensor]:
        if config.statistics == "per_batch" or not config.conditional:
            return {}
        return initial_statistics(runs, problem.classes)._asdict()

    def terms(self, config: HaduaConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        source, target = step.source, step.target
        kernels = (config.mmd_kernels, config.mmd_distance_floor)
        terms: dict[str, tuple[Tensor, Tensor | float]] = {"classification": (source_cross_entropy(step), 1.0)}
        if config.mmd:
            terms["mmd"] = (mmd_quadratic(source.fused, target.fused, *kernels), 1.0)
        if not config.conditional:
            return weighted_terms(state, **terms)

        probabilities = target.logits.softmax(-1)
        runs, _, classes = probabilities.shape
        pseudo = weight_pseudo_labels(
            probabilities,
            ConfidenceStatistics(**state) if state else initial_statistics(runs, classes, probabilities),
            step.epoch,
            momentum=config.momentum,
            aligned=config.uniform_alignment,
            weighted=config.gaussian_weights,
        )
        conditional = conditional_mmd(
            source.fused,
            target.fused,
            functional.one_hot(step.source_label, classes).to(probabilities.dtype),
            pseudo.weight[..., None] * (pseudo.soft_label if config.conditional_labels == "aligned" else probabilities),
            *kernels,
            config.conditional_normalisation,
        )
        terms["conditional"] = (
            conditional,
            conditional_weight(terms["classification"][0], config.conditional_schedule),
        )
        diagnostics = {
            "confidence_mean": pseudo.statistics.mean,
            "confidence_sd": pseudo.statistics.sd,
            "batch_confidence_mean": pseudo.confidence.mean(1),
            "batch_confidence_sd": pseudo.confidence.std(1),
            "target_weight": pseudo.weight.mean(1),
            "smallest_target_weight": pseudo.weight.amin(1),
            "largest_class_share": probabilities.detach().mean(1).amax(-1),
            "largest_class_share_aligned": pseudo.soft_label.detach().mean(1).amax(-1),
        }
        return weighted_terms(pseudo.statistics._asdict() if state else state, diagnostics, **terms)


METHOD = Hadua()
