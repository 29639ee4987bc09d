"""What every method that trains step by step has to keep, as a check that anyone can run on their own."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from ufama.config import TrainingConfig
from ufama.data.folds import folds, scaled
from ufama.data.windows import Windows
from ufama.methods import Method
from ufama.training.batches import Part, part
from ufama.training.trainer import Trainer

STEPS = 4
TRAINING = TrainingConfig(precision="float64", criteria="none", steps_per_epoch=STEPS, epochs=1)
TOLERANCE = 1e-10
"""Two ways to add up the same numbers differ by this much at most after so few steps in double precision."""


class Contract(NamedTuple):
    """What was found; a method keeps the contract if `kept`."""

    still: tuple[str, ...]  # parameters given to the optimiser that no step moved
    stack_distance: float  # largest difference of a parameter trained in a stack of two from the same trained alone
    target_labels_reach: bool  # whether a parameter changed when the target's labels were dealt out anew

    @property
    def kept(self) -> bool:
        return not self.still and self.stack_distance <= TOLERANCE and not self.target_labels_reach

    def __str__(self) -> str:
        return "\n".join(
            (
                f"every parameter moves: {'yes' if not self.still else 'no: ' + ', '.join(self.still)}",
                f"a stack is its runs alone: {'yes' if self.stack_distance <= TOLERANCE else 'no'}",
                f"target labels reach nothing: {'no' if self.target_labels_reach else 'yes'}",
            )
        )


def contract(chosen: Method, windows: Windows, *, changes: dict | None = None, batch_size: int = 32) -> Contract:
    """Train a few steps in double precision, on two cross-subject folds, and look at what the contract promises.

    windows   of any data set with two or more people in a session
    changes   switches of the method's configuration that differ from its first preset
    """
    training = TRAINING.replace(batch_size=batch_size)
    ready = scaled(windows, training.scaling)
    parts = [part(ready, fold, training, seed) for seed, fold in enumerate(folds(ready, "cross_subject")[:2])]
    config = chosen.preset(chosen.presets[0], dataset=windows.card.name, variant=chosen.variants[-1])
    config = config.replace(**(changes or {}))

    def trained(recordings: Windows, some: list[Part], seeds: list[int]) -> tuple[dict[str, torch.Tensor], set[str]]:
        trainer = Trainer(chosen, config, training, recordings, some, seeds)
        before = {name: value.detach().clone() for name, value in trainer.network.named_parameters()}
        trainer.train_epoch(0)
        after = {name: value.detach() for name, value in trainer.network.named_parameters()}
        claimed = {id(value) for value in trainer.weights.trained}
        still = {
            name
            for name, value in trainer.network.named_parameters()
            if id(value) in claimed and bool((after[name] == before[name]).flatten(1).all(1).any())
        }
        return after, still

    together, still = trained(ready, parts, [0, 1])
    alone = [trained(ready, [own], [seed])[0] for seed, own in enumerate(parts)]
    distance = max(
        float((together[name][run] - alone[run][name][0]).abs().max()) for run in range(2) for name in together
    )
    label = ready.label.copy()
    label[parts[0].target] = np.random.default_rng(0).permutation(label[parts[0].target])
    relabelled, _ = trained(replace(ready, label=label), parts[:1], [0])
    reached = any(not torch.equal(relabelled[name], alone[0][name]) for name in relabelled)
    return Contract(tuple(sorted(still)), distance, reached)
