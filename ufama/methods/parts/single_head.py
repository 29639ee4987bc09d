"""What a network with one head says of its windows, whatever is below the head."""

from typing import NamedTuple

from torch import Tensor

from ufama.methods.parts.perceptron import fusion_only


class SingleHeadOutputs(NamedTuple):
    """N windows. The head has not been through a softmax."""

    fused: Tensor  # (R, N, D) what the head reads
    logits: Tensor  # (R, N, C)

    def split(self, first: int) -> tuple["SingleHeadOutputs", "SingleHeadOutputs"]:
        """The outputs of the first ``first`` windows and of the rest."""
        return SingleHeadOutputs(*[z[:, :first] for z in self]), SingleHeadOutputs(*[z[:, first:] for z in self])

    def probabilities(self) -> Tensor:
        """(R, N, 3, C): the head's softmax as the fusion branch; the branches eeg and eye do not exist and are NaN."""
        return fusion_only(self.logits.softmax(-1))
