"""What one run trains on, adapts to and is tested on, and how its features are scaled."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ufama.config import TrainingConfig
from ufama.data.folds import Fold, scaled
from ufama.data.windows import Windows
from ufama.seeds import stream


@dataclass(frozen=True, kw_only=True)
class RunSplit:
    """The rows of one run. Positions in the windows.

    ``target`` is what adaptation sees of the held-out domain, without labels; ``test`` is all of that domain, and the
    same rows unless `TrainingConfig.target_access` says otherwise. ``held_out_trials`` are the trial numbers that
    every access but "whole" leaves out.
    """

    fold: Fold
    source: np.ndarray
    target: np.ndarray
    test: np.ndarray
    validation: np.ndarray
    held_out_trials: tuple[int, ...]
    source_domains: int  # recordings (one subject in one session) in the source

    def steps(self, training: TrainingConfig) -> int:
        """Steps of one epoch: the shorter domain's whole batches, or the source's, at most ``steps_per_epoch``."""
        batches = len(self.source) // training.batch_size
        if training.epoch_length == "shorter":
            batches = min(batches, len(self.target) // training.batch_size)
        limit = training.steps_per_epoch
        return batches if limit is None else min(batches, limit)


def make_split(windows: Windows, fold: Fold, training: TrainingConfig, seed: int) -> RunSplit:
    """Leave subjects out of the fold's source for validation, and trials out of its target.

    Parameters
    ----------
    windows
        those that the fold's rows point into
    fold
        whose source and target are split
    training
        ``validation_subjects`` of the source are held out, drawn by the seed. ``target_access`` is what adaptation
        sees of the target:

        - whole: everything, the test trials too: transductive, as the paper
        - others: every trial but the held-out third, drawn by seed and fold and equal for every access
        - share50, share20: half or a fifth of all trials, drawn from the others, the fifth within the half
        - first3: the three earliest of the others
        - none: nothing; batches of the target are drawn from the source, so that no method sees the target
    seed
        of the run

    Raises
    ------
    ValueError
        when nobody would be left to train on
    """
    subjects = np.unique(windows.subject[fold.source])
    if training.validation_subjects >= len(subjects):
        raise ValueError(
            f"fold {fold.name} has {len(subjects)} source subjects; validation_subjects = "
            f"{training.validation_subjects} leaves none to train on. Choose at most {len(subjects) - 1}."
        )
    draw = stream(seed, "validation subjects", fold.name)
    held_out = draw.choice(subjects, training.validation_subjects, replace=False)
    validates = np.isin(windows.subject[fold.source], held_out)
    source = fold.source[~validates]
    held_out_trials, seen = _seen_trials(windows, fold, training.target_access, seed)
    target = source if training.target_access == "none" else fold.target[np.isin(windows.trial[fold.target], seen)]
    return RunSplit(
        fold=fold,
        source=source,
        target=target,
        test=fold.target,
        validation=fold.source[validates],
        held_out_trials=held_out_trials,
        source_domains=len(np.unique(np.stack([windows.subject[source], windows.session[source]], 1), axis=0)),
    )


def _seen_trials(windows: Windows, fold: Fold, access: str, seed: int) -> tuple[tuple[int, ...], list[int]]:
    """The held-out third of the target's trial numbers, and those that may be seen."""
    trials = np.unique(windows.trial[fold.target])
    order = stream(seed, "held-out trials", fold.name).permutation(trials)
    third = round(len(trials) / 3)
    others = order[third:]
    seen = {
        "whole": trials,
        "others": others,
        "share50": others[: round(0.5 * len(trials))],
        "share20": others[: max(1, round(0.2 * len(trials)))],
        "first3": np.sort(others)[:3],
        "none": others[:0],
    }[access]
    return tuple(sorted(order[:third].tolist())), seen.tolist()


def scaling_depends_on_fold(training: TrainingConfig) -> bool:
    """Whether features are scaled for each run alone, by what its own source or target shows."""
    return training.scaling == "source_zscore" or training.target_access != "whole"


def scaled_windows(windows: Windows, training: TrainingConfig, split: RunSplit) -> Windows:
    """All windows, scaled as the run sees them.

    Where `scaling_depends_on_fold` is false, all runs share one scaling, which is computed once.
    """
    if scaling_depends_on_fold(training):
        return scaled(windows, training.scaling, split.fold, split.target)
    return _scaled_for_all(windows, training.scaling)


_scaled_for_all = lru_cache(maxsize=4)(scaled)
