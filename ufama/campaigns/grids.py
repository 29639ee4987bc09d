"""Which runs each page of the book asks for: the one list that the notebooks and `ufama campaign` share."""

from dataclasses import replace

from ufama.campaigns.comparison_grid import comparison_grid
from ufama.campaigns.experiments import DataRequest, Experiment
from ufama.config import TARGET_ACCESS, VARIANTS, TrainingConfig
from ufama.data.controls import CONTROLS
from ufama.data.folds import folds
from ufama.data.windows import constant_in_trials

EVERY_FOLD = "paper"
"""The scale at which comparisons run on every fold; smaller scales thin the folds out evenly."""

COMPARED_FOLDS = 9
"""Folds of the comparisons at smaller scales."""

LEDGER_FLIPS = {
    1: {"encoder_norm": "post", "encoder_dropout": 0.1},
    2: {"encoder_blocks": 1},
    6: {"fusion_norm": False, "attention_bias": True},
    8: {"train_heads": False},
    9: {"compactness_input": "probabilities"},
    10: {"compactness_similarity": "cosine"},
    11: {"mmd_estimator": "neighbours"},
    12: {"mmd_distance_floor": 1e-5},
    14: {"screening_pool": "batch"},
    15: {"gate_inclusive": False},
    16: {"distillation_minimum": 3},
    19: {"fine_grained_from": 0},
}
"""The rows of the ledger in which the presets differ: the switches of preset `paper` that each turns to `released`.
Row 2 differs for SEED only."""

OPEN_FLIPS = {
    12: {"mmd_combination": "mean"},
    13: {"mmd_schedule": "constant"},
    25: {"scaling": "subject_session_zscore"},
}
"""Rows that the paper leaves open and in which both presets agree, with another choice that one could make."""

HADUA_FLIPS = {
    "sequence": {"sequence_windows": 1, "window_position": "none"},
    "attention": {"hierarchy": "parallel", "inter_modal": "eeg_queries_eye"},
    "head": {"train_head": False},
    "learning rate": {"learning_rate": 0.05},
    "gate": {"conditional_schedule": "constant"},
}
"""Changes of HADUA's preset `paper`, one at a time: four towards the released code, and one that both presets do not
make, the conditional term at full weight from the first step."""

SHOWN_VARIANTS = ("M1", "M3", "M5", "M6")
"""The four models of Fig. 7. The paper does not name them: these are one per stage of alignment, our choice."""

SHOWN_FOLDS = {
    "seed": {"cross_subject": "session3-subject5", "cross_session": "session3"},
    "seed_iv": {"cross_subject": "session2-subject8", "cross_session": "session2"},
}
"""The folds of Fig. 7, as the paper names them (its subject numbers taken as the recordings' ids)."""


def results_grid(data: DataRequest, **choices) -> list[Experiment]:
    """UF-AMA on every fold, cross-subject and cross-session: Tables 3-6 and Fig. 6."""
    return [Experiment(data=data, protocol=protocol, **choices) for protocol in ("cross_subject", "cross_session")]


def compared_folds(data: DataRequest, scale: str) -> tuple[str, ...]:
    """The cross-subject folds that comparisons run on, the fold of Fig. 7 among them.

    All at the paper's scale; below it every k-th person of a session, in every session others while there are any.
    """
    every = folds(data.open(), "cross_subject")
    if scale == EVERY_FOLD:
        return tuple(fold.name for fold in every)
    stride = max(1, len(every) // COMPARED_FOLDS)
    sessions = sorted({fold.session for fold in every})
    place = {}  # of each fold: (its person's place in the session) - (its session's place), which one residue shares
    for session in sessions:
        own = [fold for fold in every if fold.session == session]
        place |= {fold.name: person - sessions.index(session) for person, fold in enumerate(own)}
    shown = SHOWN_FOLDS.get(data.dataset, {}).get("cross_subject")
    residue = place[shown] % stride if shown else 0
    return tuple(name for name, number in place.items() if number % stride == residue)


def ablation_grid(data: DataRequest, *, scale: str, **choices) -> list[Experiment]:
    """Models 1-6, cross-subject: Table 7."""
    names = compared_folds(data, scale)
    return [
        Experiment(data=data, protocol="cross_subject", scale=scale, variants=VARIANTS, fold_names=names, **choices)
    ]


def tsne_grid(data: DataRequest, **choices) -> list[Experiment]:
    """The four models of Fig. 7 on its folds; on another data set, on the first fold of each protocol."""
    shown = SHOWN_FOLDS.get(data.dataset) or {
        protocol: folds(data.open(), protocol)[0].name for protocol in ("cross_subject", "cross_session")
    }
    return [
        Experiment(data=data, protocol=protocol, variants=SHOWN_VARIANTS, fold_names=(name,), **choices)
        for protocol, name in shown.items()
    ]


def book_grid(data: DataRequest, **choices) -> list[Experiment]:
    """Everything the book's pages ask for on one data set."""
    shown = choices | {"seeds": Experiment(data=data, **choices).seeds[:1]}
    return results_grid(data, **choices) + ablation_grid(data, **choices) + tsne_grid(data, **shown)


def stability_grid(data: DataRequest, *, scale: str, **choices) -> list[Experiment]:
    """UF-AMA on every fold with several seeds, five at the paper's scale and three below: Figs. 4 and 5."""
    return results_grid(data, scale=scale, **choices | {"seeds": tuple(range(5 if scale == EVERY_FOLD else 3))})


def ledger_grid(data: DataRequest, *, scale: str, preset: str = "paper", **choices) -> list[Experiment]:
    """Preset `paper`, each row of the ledger changed alone, and preset `released`, cross-subject.

    ``preset`` is not used: the page is about both.
    """
    common = {"data": data, "scale": scale, "fold_names": compared_folds(data, scale)} | choices
    grid = [Experiment(**common, preset=name) for name in ("paper", "released")]
    training = {"epoch_length", "scaling"}
    for flips in (LEDGER_FLIPS, OPEN_FLIPS):
        for row, changed in flips.items():
            if row == 2 and data.dataset != "seed":
                continue
            if training & changed.keys():
                grid.append(Experiment(**common, training=TrainingConfig(**changed)))
            else:
                grid.append(Experiment(**common, changes=changed))
    return grid


def protocols_grid(data: DataRequest, *, scale: str, **choices) -> list[Experiment]:
    """The network alone (M1) and UF-AMA (M6) under each protocol, on the same held-out people and sessions."""
    names = compared_folds(data, scale)
    return [
        Experiment(data=data, protocol=protocol, scale=scale, variants=("M1", "M6"), fold_names=some, **choices)
        for protocol, some in (("cross_subject", names), ("cross_session", None), ("cross_subject_session", names))
    ]


def controls_grid(data: DataRequest, *, scale: str, **choices) -> list[Experiment]:
    """UF-AMA under each control, cross-subject; with relabelled clips under every protocol.

    The control without constant eye features is left out where there are none.
    """
    names = compared_folds(data, scale)
    grid = []
    for control in CONTROLS:
        if control == "eye_constant_rows_removed" and not constant_in_trials(data.open()).any():
            continue
        under = replace(data, control=control)
        grid.append(Experiment(data=under, protocol="cross_subject", scale=scale, fold_names=names, **choices))
        if control == "clips_relabelled":
            for protocol, some in (("cross_session", None), ("cross_subject_session", names)):
                grid.append(Experiment(data=under, protocol=protocol, scale=scale, fold_names=some, **choices))
    return grid


def ladder_grid(data: DataRequest, *, scale: str, **choices) -> list[Experiment]:
    """How much of the target adaptation sees: M2, which uses it for scaling only, and UF-AMA (M6), cross-subject.

    An epoch passes over the source, so that every rung has equally many steps. With nothing of the target, features are
    scaled by the source, and there is nothing to adapt to.
    """
    grid = []
    for access in TARGET_ACCESS:
        training = TrainingConfig(
            epoch_length="source",
            target_access=access,
            scaling="source_zscore" if access == "none" else TrainingConfig().scaling,
        )
        grid.append(
            Experiment(
                data=data,
                scale=scale,
                variants=("M2",) if access == "none" else ("M2", "M6"),
                fold_names=compared_folds(data, scale),
                training=training,
                **choices,
            )
        )
    return grid


def hadua_grid(data: DataRequest, *, scale: str, preset: str = "paper", **choices) -> list[Experiment]:
    """HADUA's ablation, cross-subject: H1 to H5 of preset `paper`; of `released` H1 and H5, as H2 to H5 train alike
    there. ``preset`` is not used: the page is about both."""
    common = {"data": data, "scale": scale, "method": "hadua", "fold_names": compared_folds(data, scale)} | choices
    return [
        Experiment(**common, preset="paper", variants=("H1", "H2", "H3", "H4", "H5")),
        Experiment(**common, preset="released", variants=("H1", "H5")),
    ]


def hadua_flips_grid(data: DataRequest, *, scale: str, preset: str = "paper", **choices) -> list[Experiment]:
    """HADUA's preset `paper`, each of `HADUA_FLIPS` alone, and preset `released`, cross-subject."""
    common = {"data": data, "scale": scale, "method": "hadua", "fold_names": compared_folds(data, scale)} | choices
    return [
        Experiment(**common, preset="paper"),
        *[Experiment(**common, preset="paper", changes=changed) for changed in HADUA_FLIPS.values()],
        Experiment(**common, preset="released"),
    ]


GRIDS = {
    "book": book_grid,
    "stability": stability_grid,
    "ledger": ledger_grid,
    "protocols": lambda data, **choices: protocols_grid(data, **choices) + controls_grid(data, **choices),
    "ladder": ladder_grid,
    "hadua": lambda data, **choices: hadua_grid(data, **choices) + hadua_flips_grid(data, **choices),
    "comparison": comparison_grid,
}
"""What `ufama campaign` can train: the book's main pages, and each further question of the evaluation chapter."""
