"""What every method that trains step by step has to keep, as a check that anyone can run on their own."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from torch import Tensor

from ufama.config import TrainingConfig
from ufama.data.folds import folds, scaled
from ufama.data.windows import Windows
from ufama.methods import Method
from ufama.training.batches import RunSplit, make_split
from ufama.training.trainer import Trainer

STEPS = 4
TRAINING = TrainingConfig(precision="float64", criteria="none", steps_per_epoch=STEPS, epochs=1)
TOLERANCE = 1e-10
"""Two ways to add up the same numbers differ by this much at most after so few steps in double precision."""


class MethodCheck(NamedTuple):
    """What was measured; a method keeps its contract if `passed`."""

    unmoved: tuple[str, ...]  # parameters given to the optimiser that no step moved
    stack_distance: float  # largest difference of a parameter trained in a stack of two from the same trained alone
    reads_target_labels: bool  # whether a parameter changed when the target's labels were permuted

    @property
    def passed(self) -> bool:
        return not self.unmoved and self.stack_distance <= TOLERANCE and not self.reads_target_labels

    def __str__(self) -> str:
        return "\n".join(
            (
                f"every parameter moves: {'yes' if not self.unmoved else 'no: ' + ', '.join(self.unmoved)}",
                f"a stack is its runs alone: {'yes' if self.stack_distance <= TOLERANCE else 'no'}",
                f"target labels reach nothing: {'no' if self.reads_target_labels else 'yes'}",
            )
        )


def check_method(method: Method, windows: Windows, *, changes: dict | None = None, batch_size: int = 32) -> MethodCheck:
    """Train a few steps in double precision, on two cross-subject folds, and measure what the contract promises.

    ``windows`` are of any data set with two or more subjects in a session; ``changes`` are switches of the method's
    configuration that differ from its first preset. Batches have as many windows as the shorter domain, if those are
    fewer than ``batch_size``.
    """
    ready = scaled(windows, TRAINING.scaling)
    splits = [make_split(ready, fold, TRAINING, seed) for seed, fold in enumerate(folds(ready, "cross_subject")[:2])]
    shortest = min(len(rows) for split in splits for rows in (split.source, split.target))
    training = TRAINING.replace(batch_size=min(batch_size, shortest))
    config = method.preset(method.presets[0], dataset=windows.card.name, variant=method.variants[-1])
    config = config.replace(**(changes or {}))

    def trained(windows: Windows, splits: list[RunSplit], seeds: list[int]) -> tuple[dict[str, Tensor], set[str]]:
        """The parameters after the steps, and the names of those that did not move."""
        trainer = Trainer(method, config, training, windows, splits, seeds)
        before = {name: value.detach().clone() for name, value in trainer.network.named_parameters()}
        trainer.train_epoch(0)
        after = {name: value.detach() for name, value in trainer.network.named_parameters()}
        claimed = {id(value) for value in trainer.optimiser.parameters}
        unmoved = {
            name
            for name, value in trainer.network.named_parameters()
            if id(value) in claimed and bool((after[name] == before[name]).flatten(1).all(1).any())
        }
        return after, unmoved

    together, unmoved = trained(ready, splits, [0, 1])
    alone = [trained(ready, [split], [seed])[0] for seed, split in enumerate(splits)]
    distance = max(
        float((together[name][run] - alone[run][name][0]).abs().max()) for run in range(2) for name in together
    )
    label = ready.label.copy()
    label[splits[0].target] = np.random.default_rng(0).permutation(label[splits[0].target])
    relabelled, _ = trained(replace(ready, label=label), splits[:1], [0])
    reads_labels = any(not bool((relabelled[name] == alone[0][name]).all()) for name in relabelled)
    return MethodCheck(tuple(sorted(unmoved)), distance, reads_labels)
