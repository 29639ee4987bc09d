"""The network alone: trained on the labelled source, the target untouched (but for the scaling of its features)."""

import torch

from ufama.core import losses
from ufama.core.objective import Terms
from ufama.methods import Step
from ufama.methods.bases.plain import PlainConfig, PlainMethod


class SourceOnly(PlainMethod):
    """Cross-entropy on the source: what every adaptive method has to be better than."""

    name = "source_only"
    title = "Source only"
    source = "the plain network of every peer, without its adaptation"
    checked_against = "torch's cross-entropy"

    def terms(self, config: PlainConfig, step: Step, state: dict[str, torch.Tensor]) -> Terms:
        classification = losses.cross_entropy(step.source.logits, step.source_label).mean(-1)
        one = torch.ones_like(classification)
        return Terms({"classification": classification}, {"classification": one}, {}, state)


METHOD = SourceOnly()
