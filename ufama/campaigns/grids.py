"""Which runs each page of the book asks for: the one list that the notebooks and `ufama campaign` share."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ufama.campaigns.allowance import allowed, trainable
from ufama.campaigns.experiments import DataRequest, Experiment
from ufama.campaigns.tuning import TRAINING, Candidate, candidates, stored_tuning, with_settings
from ufama.config import PRESETS, TARGET_ACCESS, VARIANTS, ConfigError, TrainingConfig
from ufama.data.controls import CONTROLS
from ufama.data.two_modality import ENDINGS
from ufama.data.windows import constant_in_trials

EVERY_FOLD = "paper"
"""The scale at which tables run on every fold; at smaller scales every person is held out once."""

LEDGER_FLIPS: dict[int, dict[str, Any]] = {
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

OPEN_FLIPS: dict[int, dict[str, Any]] = {
    12: {"mmd_combination": "mean"},
    13: {"mmd_schedule": "constant"},
    25: {"scaling": "subject_session_zscore"},
    30: {"validation_subjects": 0},
    31: {"initial_weights": "framework"},
    32: {"confidence_ties": "eeg_first"},
}
"""Rows that the paper leaves open and in which both presets agree, with another choice that one could make."""

HADUA_FLIPS: dict[str, dict[str, Any]] = {
    "sequence": {"sequence_windows": 1, "window_position": "none"},
    "attention": {"hierarchy": "parallel", "inter_modal": "eeg_queries_eye"},
    "head": {"train_head": False},
    "learning rate": {"learning_rate": 0.05},
    "batch statistics": {"batch_statistics": "joint"},
    "gate": {"conditional_schedule": "constant"},
}
"""Changes of HADUA's preset `paper`, one at a time: four towards the released code, and two that both presets do not
make, batch normalisation over source and target together, and the conditional term at full weight from the first
step."""

PUBLISHED = TrainingConfig(validation_subjects=0)
"""The training beside published tables: every source subject is trained on, as there (ledger row 30)."""

COMPARED_WITH = "source_only"
"""The method that all others are compared with; it is always among them."""

TABLE_METHODS = {
    "seed": (
        "acrnn", "da_capsnet", "pr_pl", "tsssa_net", "lgdaan_nets", "stcbi_nets", "fmlan", "sdc_net", "codf_net",
        "cfda_csf", "msbls", "lafda_net", "ufama",
    ),
    "seed_iv": (
        "da_capsnet", "pr_pl", "tsssa_net", "lgdaan_nets", "sdc_net", "fmlan", "rhpr_net", "c2pci_net", "cfda_csf",
        "lafda_net", "mmda", "csmm", "ufama",
    ),
}  # fmt: skip
"""The methods of the paper's Tables 3 and 6."""

COMPARED_PROTOCOLS = ("cross_subject", "cross_session")
"""Those of the paper's Tables 3 and 6."""

CONTRASTED = ("cross_subject", "cross_session", "cross_subject_session")
"""The protocols whose results are set side by side: with the same people, the same sessions, and neither held out."""

SAME_FILM_PROTOCOLS = ("cross_subject", "cross_subject_session", "within_trial", "cross_session")
"""Other people and the same people, each with the clips of the source and with other ones, where every session has
clips of its own. Both protocols of other people have equally many training trials, and both of the same people too."""

TABLE_TRAINING = TrainingConfig(epoch_length="source", criteria="none", scaling="subject_session_zscore")
"""On tables of real recordings: every person's session is scaled by itself, as its features have different units, and
an epoch is as long as the source's, so that every run takes equally many steps."""

WORLD_METHODS = ("dan", "lafda_net", "cdan", "msbls", "fmlan", "mcd", "dann", "codf_net", "deep_coral", "jan")
"""Methods that are ranked in several worlds beside `WORLD_REFERENCES`: the ten others that lead the comparison on
simulated SEED (cross-subject, rule source_validation, accuracy over windows, 36 folds of 64 steps). The list is fixed:
it does not depend on how a later comparison ends."""

WORLD_REFERENCES = ("ridge", "svm", "source_only", "hadua", "ufama")
"""Methods that are ranked in every world whatever their place in the comparison; UF-AMA also as the network alone."""

PROBED = (("source_only", None), ("ufama", ("M1", "M6")), ("hadua", None))
"""Methods, with variants, that are also trained on all clips of all other people: their features are probed."""

PERMUTED = (("svm", None), ("ufama", ("M1", "M6")), ("hadua", None))
"""Methods, with variants, that are also trained on permuted labels."""

SHOWN_VARIANTS = ("M1", "M3", "M5", "M6")
"""Models shown on the folds of Fig. 7, one per stage of alignment. The figure itself shows the whole method on two data
sets and two protocols."""

LENGTH_VARIANTS = ("M1", "M5", "M6")
"""Models compared over the length of the training: the network alone, without distillation, and the whole method."""

SHOWN_FOLDS: dict[str, dict[str, str]] = {
    "seed": {"cross_subject": "session3-subject5", "cross_session": "session3"},
    "seed_iv": {"cross_subject": "session2-subject8", "cross_session": "session2"},
}
"""The folds of Fig. 7, as the paper names them (its subject numbers taken as the recordings' ids)."""


def results_grid(data: DataRequest, **choices) -> list[Experiment]:
    """UF-AMA, cross-subject and cross-session; with training `PUBLISHED`, Tables 3-6 and Fig. 6."""
    return _on_compared_folds(
        data, [{"protocol": protocol} for protocol in allowed(data, COMPARED_PROTOCOLS)], **choices
    )


def compared_folds(data: DataRequest, scale: str) -> tuple[str, ...]:
    """The cross-subject folds of a table, the fold of Fig. 7 among them.

    All at the paper's scale. Below it one of every person, in a person's first session, the next one's second, and so
    on: no two folds share their held-out person, so that their results are independent but for the source.
    """
    every = data.folds("cross_subject")
    if scale == EVERY_FOLD:
        return tuple(every)
    of_subject: dict[int | None, list[str]] = {}
    for name, fold in every.items():
        of_subject.setdefault(fold.subject, []).append(name)
    shown = SHOWN_FOLDS.get(data.dataset, {}).get("cross_subject")
    start = next((names.index(shown) - place for place, names in enumerate(of_subject.values()) if shown in names), 0)
    chosen = {names[(place + start) % len(names)] for place, names in enumerate(of_subject.values())}
    return tuple(name for name in every if name in chosen)


def _on_compared_folds(data: DataRequest, blocks: Iterable[dict[str, Any]], **choices) -> list[Experiment]:
    """One block for each of ``blocks``, the fields of `Experiment` in which they differ; ``choices`` are common to all.

    Cross-subject on the compared folds; of cross-session every fold, as there are few.
    """
    common: dict[str, Any] = {"data": data, "fold_names": compared_folds(data, choices["scale"])} | choices
    every_fold = {"fold_names": None}
    return [
        Experiment(**common | (every_fold if block.get("protocol") == "cross_session" else {}) | block)
        for block in blocks
    ]


def ablation_grid(data: DataRequest, **choices) -> list[Experiment]:
    """Models 1-6, cross-subject; with training `PUBLISHED`, Table 7."""
    return _on_compared_folds(data, [{"variants": VARIANTS}], **choices)


def tsne_grid(data: DataRequest, **choices) -> list[Experiment]:
    """`SHOWN_VARIANTS` on the folds of Fig. 7; on another data set, on the first fold of each protocol."""
    shown = SHOWN_FOLDS.get(data.dataset) or {
        protocol: next(iter(data.folds(protocol))) for protocol in allowed(data, COMPARED_PROTOCOLS)
    }
    return [
        Experiment(data=data, protocol=protocol, variants=SHOWN_VARIANTS, fold_names=(name,), **choices)
        for protocol, name in shown.items()
    ]


def tables_grid(data: DataRequest, **choices) -> list[Experiment]:
    """What the method's pages and that of Tables 3-6 and Fig. 6 ask for on one data set, under every rule."""
    return [block for one in (PUBLISHED, TrainingConfig()) for block in results_grid(data, training=one, **choices)]


def book_grid(data: DataRequest, **choices) -> list[Experiment]:
    """`tables_grid`, and the runs of Fig. 7: those of which everything is published."""
    shown = choices | {"seeds": Experiment(data=data, **choices).seeds[:1]}
    return tables_grid(data, **choices) + tsne_grid(data, **shown)


def selection_grid(data: DataRequest, **choices) -> list[Experiment]:
    """UF-AMA under both protocols and Models 1-6, with a source person held out, by whom an epoch can be chosen."""
    return results_grid(data, **choices) + ablation_grid(data, **choices)


def length_grid(data: DataRequest, *, preset: str = "paper", **choices) -> list[Experiment]:
    """What is compared over the length of the training: Models 1-6, and UF-AMA cross-session and in preset `released`.

    It is asked for at several scales, which differ in this length. ``preset`` is not used: the page is about both.
    """
    across_sessions = [{"protocol": name} for name in allowed(data, ("cross_session",))]
    return _on_compared_folds(data, [{"variants": VARIANTS}, *across_sessions, {"preset": "released"}], **choices)


def stability_grid(data: DataRequest, *, scale: str, **choices) -> list[Experiment]:
    """UF-AMA on every fold with several seeds, five at the paper's scale and three below: Figs. 4 and 5."""
    seeds = tuple(range(5 if scale == EVERY_FOLD else 3))
    return [
        Experiment(data=data, protocol=protocol, scale=scale, **choices | {"seeds": seeds})
        for protocol in allowed(data, COMPARED_PROTOCOLS)
    ]


def ledger_grid(data: DataRequest, *, preset: str = "paper", **choices) -> list[Experiment]:
    """Preset `paper`, each row of the ledger changed alone, and preset `released`, cross-subject.

    ``preset`` is not used: the page is about both.
    """
    flips = [*LEDGER_FLIPS.items(), *OPEN_FLIPS.items()]
    of_training = TrainingConfig.__dataclass_fields__.keys()
    changed: list[dict[str, Any]] = [
        {"training": TrainingConfig(**values)} if of_training & values.keys() else {"changes": values}
        for row, values in flips
        if row != 2 or data.dataset == "seed"
    ]
    return _on_compared_folds(data, [{}, {"preset": "released"}, *changed], **choices)


def protocols_grid(data: DataRequest, **choices) -> list[Experiment]:
    """The network alone (M1) and UF-AMA (M6) under each protocol, on the same held-out people and sessions."""
    return _on_compared_folds(
        data, [{"protocol": name, "variants": ("M1", "M6")} for name in allowed(data, CONTRASTED)], **choices
    )


def controls_grid(data: DataRequest, **choices) -> list[Experiment]:
    """UF-AMA under each control, cross-subject; with relabelled clips under every protocol.

    The control without constant eye features is left out where there are none.
    """
    has_constant = constant_in_trials(data.open()).any()
    blocks = [
        {"data": replace(data, control=control), "protocol": protocol}
        for control in CONTROLS
        if has_constant or control != "eye_constant_rows_removed"
        for protocol in (allowed(data, CONTRASTED) if control == "clips_relabelled" else CONTRASTED[:1])
    ]
    return _on_compared_folds(data, blocks, **choices)


def ladder_grid(data: DataRequest, **choices) -> list[Experiment]:
    """How much of the target adaptation sees: M2, which uses it for scaling only, and UF-AMA (M6), cross-subject.

    An epoch passes over the source, so that every rung has equally many steps. With nothing of the target, features are
    scaled by the source, and there is nothing to adapt to.
    """
    training = TrainingConfig(epoch_length="source")
    blocks = []
    for access in TARGET_ACCESS:
        scaling = "source_zscore" if access == "none" else training.scaling
        rung = training.replace(target_access=access, scaling=scaling)
        blocks.append({"variants": ("M2",) if access == "none" else ("M2", "M6"), "training": rung})
    return _on_compared_folds(data, blocks, **choices)


def hadua_grid(data: DataRequest, *, preset: str = "paper", **choices) -> list[Experiment]:
    """HADUA's ablation, cross-subject: H1 to H5 of preset `paper`; of `released` H1 and H5, as H2 to H5 train alike
    there. ``preset`` is not used: the page is about both."""
    blocks: list[dict[str, Any]] = [
        {"variants": ("H1", "H2", "H3", "H4", "H5")},
        {"preset": "released", "variants": ("H1", "H5")},
    ]
    return _on_compared_folds(data, blocks, method="hadua", **choices)


def hadua_flips_grid(data: DataRequest, *, preset: str = "paper", **choices) -> list[Experiment]:
    """HADUA's preset `paper`, each of `HADUA_FLIPS` alone, and preset `released`, cross-subject."""
    blocks: list[dict[str, Any]] = [
        {},
        *[{"changes": changed} for changed in HADUA_FLIPS.values()],
        {"preset": "released"},
    ]
    return _on_compared_folds(data, blocks, method="hadua", **choices)


def comparison_grid(
    data: DataRequest, *, scale: str, methods: Iterable[str] | None = None, preset: str = "paper", **choices
) -> list[Experiment]:
    """Every method with its tuned settings, on the compared cross-subject folds and every cross-session fold.

    ``methods`` are names, to which `COMPARED_WITH` is added where it is missing; None: every method. ``preset`` is not
    used: every method is compared under its first preset and under `released`, if it has that. Raises ConfigError for a
    method that does not exist. Methods that the recordings do not allow are left out (`compared_candidates`).

    A candidate without a kept tuning (`ufama.campaigns.tuning.stored_tuning`) has its default settings.
    """
    tuned = stored_tuning(data, scale)
    folds = {"cross_subject": compared_folds(data, scale), "cross_session": None}
    return [
        with_settings(
            candidate,
            tuned[candidate].settings if candidate in tuned else {},
            data=data,
            protocol=protocol,
            fold_names=folds[protocol],
            scale=scale,
            **choices,
        )
        for candidate in compared_candidates(methods)
        if trainable(data, candidate)
        for protocol in allowed(data, COMPARED_PROTOCOLS)
    ]


def compared_candidates(methods: Iterable[str] | None = None) -> list[Candidate]:
    """The methods of `comparison_grid` with their presets, whatever the recordings allow."""
    return candidates(None if methods is None else list(dict.fromkeys([COMPARED_WITH, *methods])))


def same_film_grid(
    data: DataRequest, *, methods: Iterable[str] | None = None, preset: str = "paper", **choices
) -> list[Experiment]:
    """Every method that the recordings allow under `SAME_FILM_PROTOCOLS`, with its default settings; `PERMUTED` under
    the first of them with permuted labels; and `PROBED` on all sessions of the other people.

    ``methods`` are names; None: every method. ``preset`` is not used, as in `comparison_grid`. All windows are kept.
    """
    common: dict[str, Any] = {"data": data, "training": TABLE_TRAINING, "keep_windows": True} | choices
    entries: list[dict[str, Any]] = [
        {"method": candidate.method, "preset": candidate.preset}
        | ({"variants": ("M1", "M6")} if candidate == Candidate("ufama", "paper") else {})
        for candidate in candidates(methods)
        if trainable(data, candidate)
    ]
    blocks = [entry | {"protocol": protocol} for protocol in SAME_FILM_PROTOCOLS for entry in entries]
    further: list[tuple[dict[str, Any], Sequence[tuple[str, tuple[str, ...] | None]]]] = [
        ({"data": replace(data, control="labels_shuffled"), "protocol": SAME_FILM_PROTOCOLS[0]}, PERMUTED),
        ({"protocol": "cross_subject_pooled"}, PROBED),
    ]
    blocks += [
        block | {"method": name, "variants": variants}
        for block, some in further
        for name, variants in some
        if methods is None or name in methods
    ]
    return [Experiment(**common | block) for block in blocks]


def worlds_grid(
    data: DataRequest, *, scale: str, methods: Iterable[str] | None = None, preset: str = "paper", **choices
) -> list[Experiment]:
    """`WORLD_REFERENCES` and `WORLD_METHODS` with their default settings, cross-subject.

    ``methods`` are some of them; None: all. ``preset`` is not used: every method has its first preset. Folds and
    training are those of the comparison. A table has a fold for each subject and keeps all its windows, as they are
    fewer than a film's; an epoch is as long as its source's, so that every run of every world takes equally many steps.
    """
    names = [name for name in (*WORLD_REFERENCES, *WORLD_METHODS) if methods is None or name in methods]
    common: dict[str, Any] = {"fold_names": compared_folds(data, scale), "training": TRAINING}
    if data.dataset.endswith(ENDINGS):
        common = {
            "fold_names": each_subject_once(data),
            "training": TRAINING.replace(epoch_length="source"),
            "keep_windows": True,
        }
    return [
        Experiment(
            data=data,
            method=name,
            variants=("M1", "M6") if name == "ufama" else None,
            scale=scale,
            **common | choices,
        )
        for name in names
    ]


def real_grid(data: DataRequest, **choices) -> list[Experiment]:
    """The network alone (M1) and UF-AMA (M6) on a table: each session held out where it has several, else each subject.

    All windows are kept.
    """
    return [
        Experiment(
            data=data,
            protocol=allowed(data, COMPARED_PROTOCOLS)[-1],
            variants=("M1", "M6"),
            training=TABLE_TRAINING,
            keep_windows=True,
            **choices,
        )
    ]


def each_subject_once(data: DataRequest) -> tuple[str, ...]:
    """A cross-subject fold for each subject, whose sessions take turns: the first subject's first, and so on."""
    of_subject: dict[int | None, list[str]] = {}
    for name, fold in data.folds("cross_subject").items():
        of_subject.setdefault(fold.subject, []).append(name)
    return tuple(names[place % len(names)] for place, names in enumerate(of_subject.values()))


def published_comparison_grid(
    data: DataRequest, *, methods: Iterable[str] | None = None, **choices
) -> list[Experiment]:
    """The blocks of `comparison_grid` whose method is in the paper's table, trained on every source subject as there.

    None for another data set. ``methods`` are names; None: every method of the table.
    """
    names = [name for name in TABLE_METHODS.get(data.dataset, ()) if methods is None or name in methods]
    if not names:
        return []
    return [
        replace(block, training=block.training.replace(validation_subjects=0))
        for block in comparison_grid(data, methods=names, **choices)
        if block.method in names
    ]


GRIDS: dict[str, Callable[..., list[Experiment]]] = {
    "book": book_grid,
    "tables": tables_grid,
    "ablation": lambda data, **choices: ablation_grid(data, training=PUBLISHED, **choices),
    "selection": selection_grid,
    "length": length_grid,
    "stability": stability_grid,
    "ledger": ledger_grid,
    "protocols": lambda data, **choices: protocols_grid(data, **choices) + controls_grid(data, **choices),
    "ladder": ladder_grid,
    "hadua": lambda data, **choices: hadua_grid(data, **choices) + hadua_flips_grid(data, **choices),
    "comparison": lambda data, **choices: comparison_grid(data, **choices) + published_comparison_grid(data, **choices),
}
"""What `ufama campaign` can train: of `tables` the runs that `ufama reproduce` trains, and those of further pages."""

TABLE_GRIDS: dict[str, Callable[..., list[Experiment]]] = {
    "real": real_grid,
    "same_film": same_film_grid,
    "worlds": worlds_grid,
}
"""What it can train beside that, on tables too: not a part of the book's runs on SEED and SEED-IV."""


def grid_of(grids: tuple[str, ...], datasets: tuple[str, ...], **choices) -> list[Experiment]:
    """The blocks of the named grids for each data set. ``choices`` are fields of `Experiment`.

    Raises ConfigError for a grid that does not exist.
    """
    known = GRIDS | TABLE_GRIDS
    for name in grids:
        if name not in known:
            raise ConfigError(f"grid {name!r} is not known; choose from {', '.join(known)}.")
    return [
        block
        for name in grids
        for dataset in datasets
        for block in known[name](DataRequest(dataset=dataset), **choices)
    ]


def paper_grid(datasets: tuple[str, ...], seeds: tuple[int, ...], scale: str) -> list[Experiment]:
    """Tables 3-7 and Figs. 6 and 7: both presets, every protocol, every fold."""
    blocks = []
    for preset in PRESETS:
        common: dict[str, Any] = {"preset": preset, "scale": scale, "seeds": seeds}
        blocks += grid_of(("book", "ablation"), datasets, **common)
        blocks += [
            Experiment(data=DataRequest(dataset=dataset), protocol=protocol, **common)
            for dataset in datasets
            for protocol in ("cross_subject_pooled", "cross_subject_session")
        ]
    return blocks
