"""The README of a model folder: what the model is and how accurate it was, in words, with a YAML head."""

import json
from typing import Any

from ufama.methods import method
from ufama.models.model import Model

MODES = {
    "unadapted": "not adapted to the person",
    "adapted": "adapted by the method itself, with the source at hand, from windows without labels",
    "source_free": "adapted without the source by SHOT (arXiv:2002.08546), from windows without labels",
}

SCALING = {
    "subject_session_minmax": "each recording to [-1, 1] by its own lowest and highest values, feature by feature, so "
    "that a whole recording is needed",
    "subject_session_zscore": "each recording to mean 0 and SD 1 by its own windows, feature by feature, so that a "
    "whole recording is needed",
    "source_zscore": "by mean and SD of the source, feature by feature",
    "none": "not at all",
}
"""How a new recording is scaled, by `ufama.config.TrainingConfig.scaling`."""


def model_card(model: Model) -> str:
    """The text of ``README.md``: all of it follows from the model."""
    return "\n\n".join([_head(model), *_body(model)]) + "\n"


def _head(model: Model) -> str:
    card, score = model.card, model.source["score"]
    facts: dict[str, Any] = {
        "license": "other",
        "license_name": card.licence,
        "library_name": "ufama",
        "tags": [
            "eeg",
            "eye-tracking",
            "emotion-recognition",
            "domain-adaptation",
            "simulated" if card.simulated else "real",
        ],
        "datasets": [model.source["name"]],
        "classes": list(card.class_names),
        "metrics": ["accuracy"],
        "accuracy": {} if score is None else {mode: round(own["accuracy"], 4) for mode, own in score["modes"].items()},
    }
    return (
        "---\n"
        + "\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in facts.items())
        + "\n---"
    )


def _body(model: Model) -> list[str]:
    card, source, chosen = model.card, model.source, method(model.method)
    kind = "Simulated: nobody was recorded." if card.simulated else "Real recordings."
    seeds = "one network" if len(model.seeds) == 1 else f"the mean probability of {len(model.seeds)} networks"
    rule = (
        "the weights of the last epoch"
        if model.rule == "last"
        else "the weights of the epoch with the best accuracy on source people held out for validation"
    )
    window = f"{card.window_seconds:g} s" if card.window_seconds else "unknown length"
    return [
        f"# {chosen.title} fitted to {source['name']}",
        f"**{kind}** This model names one of {len(card.class_names)} classes ({', '.join(card.class_names)}) for every "
        f"window of EEG and a second modality. It is {seeds} of {chosen.title} ({chosen.source}), fitted to "
        f"{source['windows']} windows of {source['subjects']} people in {source['recordings']} recordings.",
        _adapted(model),
        "## How accurate it is",
        *_accuracy(model),
        "## What it expects",
        f"- windows of {window}\n"
        f"- EEG of {len(card.eeg_tokens)} channels with {len(card.eeg_features)} features each "
        f"({', '.join(card.eeg_features)}); the channels' order is in config.json\n"
        f"- {len(card.eye_features)} features of the second modality; their order is in config.json\n"
        f"- scaling: {SCALING[model.training.scaling]}\n"
        + (
            "- raw files, from which the features are computed by the recipe in config.json, or tables of features"
            if model.recipe is not None
            else "- tables of features: the model holds no recipe to compute them from raw files"
        ),
        "## How it was trained",
        f"- method {model.method}, preset {model.preset}, variant {model.variant}, scale {model.scale}: "
        f"{source['steps']} steps of {source['batch_size']} source windows and as many of the target\n"
        f"- seeds {', '.join(map(str, model.seeds))}; {rule}; {source['validation_subjects']} source people held out "
        f"for validation\n"
        f"- {', '.join(f'{name} {version}' for name, version in source['versions'].items())}",
        "## Data and licence",
        f"{source['name']}, content {source['fingerprint']}. Licence: {card.licence or 'not stated'}. The folder holds "
        "no recording: weights, and statistics of the source's features."
        + "".join(f"\n\n> {note}" for note in card.notes),
        "## How to use it",
        "```\nufama predict MODEL RECORDING --out FOLDER\n```\n\n```python\nimport ufama\n\n"
        'model = ufama.load_model("MODEL")\n```',
        "## Limits",
        "The accuracies hold for people recorded as the source was. Another device, task or laboratory can lower them "
        "in a way that no number here shows. This is a tool for research, not a medical device.",
    ]


def _adapted(model: Model) -> str:
    facts = model.adapted_to
    if facts is None:
        return "It is not adapted to anybody: it has seen the source alone."
    how = (
        f"by {facts['by']} itself, with the source at hand"
        if model.mode == "adapted"
        else f"without the source by {facts['by']}, which is another method than {model.method}"
    )
    return (
        f"It is adapted to one new person's {facts['windows']} windows in {facts['trials']} trials, without labels, "
        f"{how}. For anybody else it is not meant."
    )


def _accuracy(model: Model) -> list[str]:
    score = model.source["score"]
    if score is None:
        return [
            "Nobody was held out when the model was fitted, so nothing is known about its accuracy on new people. Fit "
            "it with held-out people (`--held-out people`) to measure it."
        ]
    level = f"{100 * score['level']:.0f} %"
    rows = [
        f"| {MODES[mode]} | {100 * own['accuracy']:.1f} % | {100 * own['low']:.1f} to {100 * own['high']:.1f} % | "
        f"{100 * own['sd']:.1f} | {own['people']} |"
        for mode, own in score["modes"].items()
    ]
    known = None if model.trust is None else model.trust.of(model.mode, "fusion")
    calibration = (
        " Probabilities of the fused branch are calibrated on the held-out people: temperature "
        f"{known.temperature:.2f}, calibration error {100 * known.calibration_error_before:.1f} points before and "
        f"{100 * known.calibration_error_after:.1f} after."
        if known is not None
        else ""
    )
    head = f"| networks | mean accuracy | {level} interval | SD over people | people |\n|---|---|---|---|---|"
    steps = f"at scale {model.scale}, {model.source['steps']} steps"
    return [
        "\n".join([head, *rows]),
        f"Measured on {'simulated' if model.card.simulated else 'real'} people, {steps}: {score['protocol']}. "
        f"Intervals are of the mean over people (Student's t). Always naming the source's largest class gives "
        f"{100 * score['largest_class']:.1f} %.{calibration}",
    ]
