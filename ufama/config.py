"""Every parameter, frozen, typed and with its valid range. One named switch per row of the ledger (book/ledger.md).

Greek letters of the paper are words here: alpha is ``trusted_share``, beta ``gate_confidence``, gamma
``distillation_weight``, delta the ``mmd_schedule``, theta the ``consistency_schedule``.
"""

import hashlib
import json
import numbers
from dataclasses import asdict, dataclass, fields, replace
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from ufama.errors import UserError

DATASETS = ("seed", "seed_iv")
PROTOCOLS = ("cross_subject", "cross_subject_pooled", "cross_session", "cross_subject_session")
CLIP_PROTOCOLS = ("within_trial", "cross_clip", "cross_subject_clip")
VARIANTS = ("M1", "M2", "M3", "M4", "M5", "M6")
RULES = ("oracle", "last", "source_validation")
Scaling = Literal["subject_session_minmax", "subject_session_zscore", "source_zscore", "none"]
SCALINGS = get_args(Scaling)
TARGET_ACCESS = ("whole", "none", "share20", "share50", "first3", "others")


class ConfigError(UserError, ValueError):
    """A value that no configuration accepts; the message names the field and the valid values."""


class Range(NamedTuple):
    """The numbers that a field accepts, both ends included: ``width: Annotated[int, Range(1, 64)]``."""

    low: float
    high: float


Count = Range(1, 1 << 30)
Share = Range(0, 1)
Rate = Range(0, 0.99)
Width = Range(1, 4096)
Penalty = Range(0, 1e6)
Seed = Range(0, 2**63 - 1)  # as large as a column of whole numbers holds


def _plain(value: Any) -> Any:
    """Numbers of other kinds, such as numpy's, as Python's own: so that equal settings have equal digests."""
    if isinstance(value, (bool, int, float)) or not isinstance(value, numbers.Real):
        return value
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def _accepts(kind: Any, value: Any) -> bool:
    if get_origin(kind) is Annotated:
        return _accepts(get_args(kind)[0], value)
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
    if get_origin(kind) is Annotated:
        return _describe(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(repr(option) for option in get_args(kind))
    if get_origin(kind) is UnionType:
        return " or ".join(_describe(option) for option in get_args(kind))
    return {"int": "a whole number", "float": "a number", "bool": "True or False", "str": "text"}.get(
        kind.__name__, kind.__name__
    )


def allowed_range(kind: Any) -> Range | None:
    """The range in the annotation of a field, if there is one."""
    return next((note for note in getattr(kind, "__metadata__", ()) if isinstance(note, Range)), None)


@dataclass(frozen=True, kw_only=True)
class ValidatedConfig:
    """Base of the frozen configurations: the type and the range of every field are checked when one is made."""

    def __post_init__(self):
        for field in fields(self):
            value = _plain(getattr(self, field.name))
            object.__setattr__(self, field.name, value)
            if not _accepts(field.type, value):
                raise ConfigError(f"{type(self).__name__}.{field.name} = {value!r}: expected {_describe(field.type)}.")
            allowed = allowed_range(field.type)
            if value is not None and allowed is not None and not allowed.low <= value <= allowed.high:
                raise ConfigError(
                    f"{type(self).__name__}.{field.name} = {value!r}: expected a number from {allowed.low} to "
                    f"{allowed.high}."
                )

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
    encoder_dropout: Annotated[float, Rate] = 0.0  # 1
    attention_bias: bool = False  # 1, 6
    encoder_blocks: Annotated[int, Range(1, 64)] = 3  # 2
    width: Annotated[int, Width] = 64  # 3
    ffn_width: Annotated[int, Range(1, 16384)] = 128  # 3
    fusion_width: Annotated[int, Width] = 128  # 3
    attention_heads: Annotated[int, Range(1, 64)] = 2  # 3
    eeg_token_axis: Literal["channels", "bands"] = "channels"  # 4
    branch_feature: Literal["flatten", "mean"] = "flatten"  # 5
    fusion_norm: bool = True  # 6
    modality_head_width: Annotated[int, Width] = 32  # 7
    fusion_head_width: Annotated[int, Width] = 64  # 7
    head_dropout: Annotated[float, Rate] = 0.5  # 7
    train_heads: bool = True  # 8
    initial_weights: Literal["released", "framework"] = "released"  # 31
    # compactness
    compactness_input: Literal["features", "probabilities"] = "features"  # 9
    compactness_similarity: Literal["shifted_cosine", "cosine"] = "shifted_cosine"  # 10
    # marginal alignment
    mmd_estimator: Literal["quadratic", "neighbours"] = "quadratic"  # 11
    mmd_kernels: Annotated[int, Range(1, 32)] = 5  # 12
    mmd_combination: Literal["sum", "mean"] = "sum"  # 12
    mmd_distance_floor: Annotated[float, Share] = 0.0  # 12
    mmd_schedule: Literal["released", "constant"] = "released"  # 13
    # screening, consistency, distillation
    screening_pool: Literal["target", "batch"] = "target"  # 14
    trusted_share: Annotated[float, Share] = 0.5  # Table 2, alpha
    confidence_ties: Literal["drawn", "eeg_first"] = "drawn"  # 32
    gate_confidence: Annotated[float, Share] = 0.9  # Table 2, beta
    gate_inclusive: bool = True  # 15
    distillation_minimum: Annotated[int, Count] = 1  # 16
    distillation_weight: Annotated[float, Penalty] = 1e-5  # 17
    consistency_schedule: Literal["adaptive", "constant"] = "adaptive"  # 18
    fine_grained_from: Annotated[int, Range(0, 1 << 30)] = 11  # 19, an epoch from 0
    pseudo_label_pass: Literal["training", "evaluation"] = "training"  # 23
    unscreened_label: Literal["modality_mean", "fusion"] = "modality_mean"  # 28
    # ablation (Table 7)
    compactness: bool = True
    mmd: bool = True
    consistency: Literal["none", "unscreened", "screened"] = "screened"
    distillation: bool = True

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

    learning_rate: Annotated[float, Range(0, 10)] = 5e-4  # Table 2
    batch_size: Annotated[int, Range(2, 1 << 20)] = 32  # Table 2
    epochs: Annotated[int, Range(1, 1 << 20)] = 400  # Table 2
    epoch_length: Literal["shorter", "source"] = "shorter"  # 20
    steps_per_epoch: Annotated[int | None, Count] = None  # an upper bound, for scales smaller than the paper's
    evaluate_every: Annotated[int, Range(1, 1 << 20)] = 1  # epochs between evaluations; the last is always evaluated
    scaling: Scaling = "subject_session_minmax"  # 25
    validation_subjects: Annotated[int, Range(0, 1 << 20)] = 1  # 30: left out of the source for `source_validation`
    window_stride: Annotated[int, Range(1, 1 << 20)] = 1  # 24: keep every k-th window of a trial
    precision: Literal["float32", "float64", "tf32", "bf16"] = "float32"
    target_access: Literal["whole", "none", "share20", "share50", "first3", "others"] = "whole"
    """Which of the target's trials, without labels, adaptation and scaling may see: see `ufama.training.batches`."""
    criteria: Literal["all", "none"] = "all"
    """Whether the label-free criteria (`ufama.training.criteria`) are logged at every evaluation."""

    def __post_init__(self):
        super().__post_init__()
        if self.target_access == "none" and self.scaling.startswith("subject_session"):
            raise ConfigError(
                f"TrainingConfig.scaling = {self.scaling!r} reads the target's windows, which target_access = 'none' "
                "forbids: choose scaling 'source_zscore' or 'none'."
            )


@dataclass(frozen=True, kw_only=True)
class Scale(ValidatedConfig):
    """A size of the whole experiment: how long, on how many windows, how wide. `paper` is the paper's own, and `tenth`
    a tenth of its epochs.

    `quick` is the smallest training in which every part of UF-AMA acts: of widths 16, 24 and 32 and learning rates 4e-3
    and 8e-3, the cheapest at which, on four folds of either simulated set, the gate of distillation is open in most
    steps of the last fifth and the accuracy on held-out source people has long stopped rising. All stages of the weight
    of MMD and the start of the fine-grained terms lie before its middle or shortly after. No target label was read.
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


_PAPER = Scale(
    name="paper",
    epochs=400,
    window_stride=1,
    steps_per_epoch=None,
    evaluate_every=1,
    learning_rate=5e-4,
    width=64,
    ffn_width=128,
    fusion_width=128,
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
        epochs=64,
        window_stride=6,
        steps_per_epoch=4,
        evaluate_every=4,
        learning_rate=4e-3,
        width=16,
        ffn_width=32,
        fusion_width=32,
    ),
    "tenth": _PAPER.replace(name="tenth", epochs=40),
    "paper": _PAPER,
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
    protocol: Literal[
        "cross_subject", "cross_subject_pooled", "cross_session", "cross_subject_session",
        "within_trial", "cross_clip", "cross_subject_clip",
    ]  # fmt: skip
    fold: str
    seed: Annotated[int, Seed]
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
