"""Every knob, frozen and typed. One named switch per row of the ledger (book/ledger.md).

Greek letters of the paper are words here: alpha is ``trusted_share``, beta ``gate_confidence``, gamma
``distillation_weight``, delta the ``mmd_schedule``, theta the ``consistency_schedule``.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from types import UnionType
from typing import Any, Literal, get_args, get_origin

DATASETS = ("seed", "seed_iv")
PROTOCOLS = ("cross_subject", "cross_subject_pooled", "cross_session", "cross_subject_session")
VARIANTS = ("M1", "M2", "M3", "M4", "M5", "M6")
RULES = ("oracle", "last", "source_validation")
TARGET_ACCESS = ("whole", "none", "share20", "share50", "first3", "others")


class ConfigError(ValueError):
    """A value that no configuration accepts; the message names the field and the valid values."""


def _accepts(kind: Any, value: Any) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind) and type(value) in {type(option) for option in get_args(kind)}
    if get_origin(kind) is UnionType:
        return any(_accepts(option, value) for option in get_args(kind))
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _describe(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(repr(option) for option in get_args(kind))
    if get_origin(kind) is UnionType:
        return " or ".join(_describe(option) for option in get_args(kind))
    return {"int": "a whole number", "float": "a number", "bool": "True or False", "str": "text"}.get(
        kind.__name__, kind.__name__
    )


class ValidatedConfig:
    """Base of the frozen configurations: checks every field's type at the door."""

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if not _accepts(field.type, value):
                raise ConfigError(f"{type(self).__name__}.{field.name} = {value!r}: expected {_describe(field.type)}.")
        for name, low, high in self.ranges():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{type(self).__name__}.{name} = {value!r}: expected a number from {low} to {high}.")

    def ranges(self) -> list[tuple[str, float, float]]:
        return []

    def replace(self, **changes):
        """A copy with some fields changed; an unknown field is an error that names the known ones."""
        known = [field.name for field in fields(self)]
        for name in changes:
            if name not in known:
                raise ConfigError(f"{type(self).__name__} has no field {name!r}; it has {', '.join(known)}.")
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True)
class UfamaConfig(ValidatedConfig):
    """UF-AMA's decisions. The comment of a field is its row in the ledger."""

    # network
    encoder_norm: Literal["pre", "post"] = "pre"  # 1
    encoder_dropout: float = 0.0  # 1
    attention_bias: bool = False  # 1, 6
    encoder_blocks: int = 3  # 2
    width: int = 64  # 3
    ffn_width: int = 128  # 3
    fusion_width: int = 128  # 3
    attention_heads: int = 2  # 3
    eeg_token_axis: Literal["channels", "bands"] = "channels"  # 4
    branch_feature: Literal["flatten", "mean"] = "flatten"  # 5
    fusion_norm: bool = True  # 6
    modality_head_width: int = 32  # 7
    fusion_head_width: int = 64  # 7
    head_dropout: float = 0.5  # 7
    train_heads: bool = True  # 8
    # compactness
    compactness_input: Literal["features", "probabilities"] = "features"  # 9
    compactness_similarity: Literal["shifted_cosine", "cosine"] = "shifted_cosine"  # 10
    # marginal alignment
    mmd_estimator: Literal["quadratic", "neighbours"] = "quadratic"  # 11
    mmd_kernels: int = 5  # 12
    mmd_combination: Literal["sum", "mean"] = "sum"  # 12
    mmd_distance_floor: float = 0.0  # 12
    mmd_schedule: Literal["released", "constant"] = "released"  # 13
    # screening, consistency, distillation
    screening_pool: Literal["target", "batch"] = "target"  # 14
    trusted_share: float = 0.5  # Table 2, alpha
    gate_confidence: float = 0.9  # Table 2, beta
    gate_inclusive: bool = True  # 15
    distillation_minimum: int = 1  # 16
    distillation_weight: float = 1e-5  # 17
    consistency_schedule: Literal["adaptive", "constant"] = "adaptive"  # 18
    fine_grained_from: int = 11  # 19, an epoch from 0
    pseudo_label_pass: Literal["training", "evaluation"] = "training"  # 23
    unscreened_label: Literal["modality_mean", "fusion"] = "modality_mean"  # 28
    # ablation (Table 7)
    compactness: bool = True
    mmd: bool = True
    consistency: Literal["none", "unscreened", "screened"] = "screened"
    distillation: bool = True

    def ranges(self):
        return [
            ("encoder_dropout", 0, 0.99),
            ("head_dropout", 0, 0.99),
            ("encoder_blocks", 1, 64),
            ("width", 1, 4096),
            ("ffn_width", 1, 16384),
            ("fusion_width", 1, 4096),
            ("attention_heads", 1, 64),
            ("mmd_kernels", 1, 32),
            ("mmd_distance_floor", 0, 1),
            ("trusted_share", 0, 1),
            ("gate_confidence", 0, 1),
            ("distillation_minimum", 1, 1 << 30),
            ("distillation_weight", 0, 1e6),
            ("fine_grained_from", 0, 1 << 30),
        ]

    def __post_init__(self):
        super().__post_init__()
        for name in ("width", "fusion_width"):
            if getattr(self, name) % self.attention_heads:
                raise ConfigError(
                    f"UfamaConfig.{name} = {getattr(self, name)} does not divide into attention_heads = "
                    f"{self.attention_heads} equal parts: change one of them."
                )


PAPER = UfamaConfig()
"""The paper's side of every row, and the released code's value where the paper is silent."""

RELEASED = PAPER.replace(
    encoder_norm="post",
    encoder_dropout=0.1,
    attention_bias=True,
    fusion_norm=False,
    train_heads=False,
    compactness_input="probabilities",
    compactness_similarity="cosine",
    mmd_estimator="neighbours",
    mmd_distance_floor=1e-5,
    screening_pool="batch",
    gate_inclusive=False,
    distillation_minimum=3,
    fine_grained_from=0,
)
"""The released code's side of every row."""

PRESETS = ("paper", "released")


def preset(name: str, *, dataset: str = "seed") -> UfamaConfig:
    """The named preset. ``dataset`` matters to row 2 only: released, SEED has 1 encoder block and SEED-IV has 3.

    Raises ConfigError for a name that is not a preset.
    """
    if name not in PRESETS:
        raise ConfigError(f"preset {name!r} is not known; choose one of {', '.join(PRESETS)}.")
    if name == "paper":
        return PAPER
    return RELEASED.replace(encoder_blocks=1 if dataset == "seed" else 3)


def variant(config: UfamaConfig, name: str) -> UfamaConfig:
    """The ablation's Model 1-6 of ``config``: each adds one part to the one before (Table 7); M6 is all of UF-AMA."""
    if name not in VARIANTS:
        raise ConfigError(f"variant {name!r} is not known; choose one of {', '.join(VARIANTS)}.")
    step = VARIANTS.index(name) + 1
    return config.replace(
        compactness=step >= 2,
        mmd=step >= 3,
        consistency="none" if step < 4 else "unscreened" if step == 4 else "screened",
        distillation=step >= 6,
    )


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(ValidatedConfig):
    """How a run is trained; the same for every method.

    ``reported_rule`` and the experiment's protocol and seeds are rows 21, 22 and 27: they choose what is read from a
    record or which runs are asked for, and do not change a training.
    """

    learning_rate: float = 5e-4  # Table 2
    batch_size: int = 32  # Table 2
    epochs: int = 400  # Table 2
    epoch_length: Literal["shorter", "source"] = "shorter"  # 20
    steps_per_epoch: int | None = None  # an upper bound, for scales smaller than the paper's
    evaluate_every: int = 1  # epochs between evaluations; the last is always evaluated
    scaling: Literal["subject_session_minmax", "subject_session_zscore", "source_zscore", "none"] = (
        "subject_session_minmax"  # 25
    )
    validation_subjects: int = 1  # held out of the source for the rule `source_validation`
    window_stride: int = 1  # 24: keep every k-th window of a trial
    precision: Literal["float32", "float64", "tf32", "bf16"] = "float32"
    target_access: Literal["whole", "none", "share20", "share50", "first3", "others"] = "whole"
    """Which of the target's trials, without labels, adaptation and scaling may see (`ufama.training.batches.part`)."""
    criteria: Literal["all", "none"] = "all"
    """Whether the label-free criteria (`ufama.training.criteria`) are logged at every evaluation."""

    def ranges(self):
        return [
            ("learning_rate", 0, 10),
            ("batch_size", 2, 1 << 20),
            ("epochs", 1, 1 << 20),
            ("steps_per_epoch", 1, 1 << 30),
            ("evaluate_every", 1, 1 << 20),
            ("validation_subjects", 0, 1 << 20),
            ("window_stride", 1, 1 << 20),
        ]

    def __post_init__(self):
        super().__post_init__()
        if self.target_access == "none" and self.scaling.startswith("subject_session"):
            raise ConfigError(
                f"TrainingConfig.scaling = {self.scaling!r} reads the target's windows, which target_access = 'none' "
                "forbids: choose scaling 'source_zscore' or 'none'."
            )


@dataclass(frozen=True, kw_only=True)
class Scale(ValidatedConfig):
    """A size of the whole experiment: how long, on how many windows, how wide. `paper` is the paper's own.

    `quick` makes up for its few steps with a larger learning rate: of 5e-4, 1e-3, 2e-3 and 4e-3 the one with the best
    accuracy on held-out source people, for the network alone (M1) on four folds of either simulated set.
    ``apply`` puts the size on a method's and a training's configuration.
    """

    name: str
    epochs: int
    window_stride: int
    steps_per_epoch: int | None
    evaluate_every: int
    learning_rate: float
    width: int
    ffn_width: int
    fusion_width: int

    def apply(self, method: ValidatedConfig, training: TrainingConfig) -> tuple[ValidatedConfig, TrainingConfig]:
        """The two configurations at this size; a method without these widths keeps its own."""
        known = {field.name for field in fields(method)}
        widths = {name: getattr(self, name) for name in ("width", "ffn_width", "fusion_width") if name in known}
        return method.replace(**widths), training.replace(
            epochs=self.epochs,
            window_stride=self.window_stride,
            steps_per_epoch=self.steps_per_epoch,
            evaluate_every=self.evaluate_every,
            learning_rate=self.learning_rate,
        )


SCALES = {
    "smoke": Scale(
        name="smoke",
        epochs=2,
        window_stride=12,
        steps_per_epoch=2,
        evaluate_every=1,
        learning_rate=2e-3,
        width=8,
        ffn_width=8,
        fusion_width=8,
    ),
    "quick": Scale(
        name="quick",
        epochs=16,
        window_stride=6,
        steps_per_epoch=4,
        evaluate_every=2,
        learning_rate=2e-3,
        width=16,
        ffn_width=32,
        fusion_width=32,
    ),
    "paper": Scale(
        name="paper",
        epochs=400,
        window_stride=1,
        steps_per_epoch=None,
        evaluate_every=1,
        learning_rate=5e-4,
        width=64,
        ffn_width=128,
        fusion_width=128,
    ),
}


def scale(name: str) -> Scale:
    """The named scale. Raises ConfigError for a name that is not one."""
    if name not in SCALES:
        raise ConfigError(f"scale {name!r} is not known; choose one of {', '.join(SCALES)}.")
    return SCALES[name]


@dataclass(frozen=True, kw_only=True)
class RunConfig(ValidatedConfig):
    """One training, completely: what is trained on what, how, with which seed.

    ``digest(fingerprint)`` names its record on disk: equal digests mean equal records.
    """

    dataset: str
    protocol: Literal["cross_subject", "cross_subject_pooled", "cross_session", "cross_subject_session"]
    fold: str
    seed: int
    scale: str
    method: str
    preset: str
    variant: str
    method_config: ValidatedConfig
    training: TrainingConfig

    def digest(self, fingerprint: str, method_version: int) -> str:
        """16 hexadecimal digits from this configuration, the data's fingerprint and the method's version."""
        content = asdict(self) | {"fingerprint": fingerprint, "method_version": method_version}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
