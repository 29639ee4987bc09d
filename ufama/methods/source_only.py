"""The network alone: trained on the labelled source; of the target, only the scaling of its features is used."""

from torch import Tensor

from ufama.core.objective import Terms
from ufama.methods import Step
from ufama.methods.bases.network import source_cross_entropy, weighted_terms
from ufama.methods.bases.plain import PlainConfig, PlainMethod


class SourceOnly(PlainMethod[PlainConfig]):
    """Cross-entropy on the source: the baseline of every adaptive method."""

    name = "source_only"
    title = "Source only"
    source = "the plain network of every peer, without its adaptation"
    checked_against = "torch's cross-entropy"

    def terms(self, config: PlainConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        return weighted_terms(state, classification=(source_cross_entropy(step), 1.0))


METHOD = SourceOnly()
