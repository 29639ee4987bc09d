"""The network before it is trained: what its tokens are, what attention computes, how large its parts are."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from ufama.config import UfamaConfig
from ufama.core import reference
from ufama.core.network import Network
from ufama.data.folds import scaled
from ufama.data.windows import DataCard, Windows
from ufama.report import style
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table

QUERY = torch.tensor([[2.0, 1.0]], dtype=torch.float64)
KEYS = torch.tensor([[2.0, 0.0], [0.0, 2.0], [-1.0, -1.0]], dtype=torch.float64)
VALUES = torch.tensor([[10.0], [20.0], [30.0]], dtype=torch.float64)

PARTS = {
    "embedding of the tokens": ("{m}_encoder.embed",),
    "self-attention (all blocks)": ("{m}_encoder.blocks.*.attention",),
    "feed-forward and norms (all blocks)": (
        "{m}_encoder.blocks.*.feed_forward", "{m}_encoder.blocks.*.attention_norm",
        "{m}_encoder.blocks.*.feed_forward_norm",
    ),
    "flattened tokens to branch feature": ("{m}_encoder.project",),
    "fusion: norm and projection": ("fusion.{m}_norm", "fusion.{m}_project"),
    "fusion: cross-attention": ("fusion.eye_to_eeg", "fusion.eeg_to_eye"),
    "flattened tokens to fused feature": ("fusion.{m}_output",),
    "three heads": ("eeg_head", "eye_head", "fusion_head"),
}  # fmt: skip
"""Parts of the network in the order of a forward pass, and the modules of `ufama.core.network.Network` in each."""
FLATTENED = ("flattened tokens to branch feature", "flattened tokens to fused feature")


def reference_network(card: DataCard, config: UfamaConfig, seed: int = 0) -> reference.Network:
    """The network of one run with random weights, for the recordings that ``card`` describes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return reference.Network(config, **_sizes(card))


def _sizes(card: DataCard) -> dict[str, int]:
    """What a network is built for, by the names of its parameters."""
    return {
        "eeg_tokens": len(card.eeg_tokens),
        "eeg_features": len(card.eeg_features),
        "eye_features": len(card.eye_features),
        "classes": len(card.class_names),
    }


# --- tokens ----------------------------------------------------------------------------------------------------------


@figure
def tokens(windows: Windows, row: int = 0) -> Figure:
    """One window as the network reads it: a row of either panel is a token.

    Alt: Two heat maps of one window. The left one has a row for each EEG token, a channel, and a column for each of its
    numbers, a frequency band. The right one has a row for each eye token and a single column. Colour is the value after
    scaling, from minus one to one.
    """
    card, one = windows.card, scaled(windows, "subject_session_minmax")
    drawing, axes = plt.subplots(1, 2, figsize=(style.WIDTH, 5.6), width_ratios=[3, 1.4])
    named = (
        (one.eeg[row], card.eeg_tokens, card.eeg_features, "EEG"),
        (one.eye[row][:, None], card.eye_features, ("value",), "eye"),
    )
    for panel, (values, names, columns, title) in zip(axes, named, strict=True):
        shown = panel.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
        each = max(1, len(names) // 12)
        panel.set_yticks(range(0, len(names), each), names[::each], fontsize=10)
        panel.set_xticks(range(len(columns)), columns, fontsize=10, rotation=40, ha="right", rotation_mode="anchor")
        panel.set_title(f"{title}: {len(names)} tokens of {values.shape[1]}", fontsize=11)
        panel.set_yticks(np.arange(-0.5, len(names)), minor=True)
        panel.grid(False)
        panel.grid(axis="y", which="minor", color="white", linewidth=0.8)
        panel.tick_params(which="both", length=0)
        panel.set(xlabel="band" if title == "EEG" else "number", ylabel="token")
    drawing.colorbar(shown, ax=axes, orientation="horizontal", shrink=0.5, label="scaled value (-1 to 1)")
    headline(drawing, f"{card.title}: one window is {len(card.eeg_tokens)} + {len(card.eye_features)} tokens")
    return drawing


@torch.no_grad()
def order_of_tokens(windows: Windows, config: UfamaConfig, count: int = 32) -> str:
    """Whether the encoder knows which token is which: computed by giving it the channels in another order."""
    encoder = reference_network(windows.card, config).eeg_encoder.double()
    eeg = torch.as_tensor(scaled(windows, "subject_session_minmax").eeg[:count]).double()
    order = torch.randperm(eeg.shape[1], generator=torch.Generator().manual_seed(0))
    encoded, feature = encoder(eeg, None)
    permuted, permuted_feature = encoder(eeg[:, order], None)
    moved = (encoded[:, order] - permuted).abs().max() / encoded.abs().max()
    changed = (feature - permuted_feature).norm() / feature.norm()
    given = f"given the {eeg.shape[1]} EEG tokens of {count} windows in a random order"
    if moved > 1e-9:
        return f"An encoder knows which token is which: {given}, its blocks return other tokens."
    return (
        f"An encoder does not know which token is which: {given}, its blocks (random weights) return the same tokens "
        f"in that order (relative difference {_power(moved.item())}). Only the branch feature behind the flattening "
        f"changes, by {100 * changed.item():.0f} % of its length."
    )


def _power(value: float) -> str:
    return "0" if value == 0 else f"below 1e{int(np.ceil(np.log10(value)))}"


# --- attention -------------------------------------------------------------------------------------------------------


def attention_example() -> Table:
    """Eq. 2 with one query, three keys and three values, every intermediate number shown."""
    without = reference.Dropout(0, 0.0)
    weights = reference.attention(QUERY, KEYS, torch.eye(len(KEYS), dtype=torch.float64), without, None)[0]
    result = reference.attention(QUERY, KEYS, VALUES, without, None).item()
    frame = pd.DataFrame(
        {
            "key": [f"({first:g}, {second:g})" for first, second in KEYS.tolist()],
            "product": (QUERY @ KEYS.mT)[0].tolist(),
            "score": (QUERY @ KEYS.mT / KEYS.shape[1] ** 0.5)[0].tolist(),
            "weight": weights.tolist(),
            "value": VALUES[:, 0].tolist(),
            "share": (weights * VALUES[:, 0]).tolist(),
        }
    )
    columns = (
        Column("key", "key k", "key"),
        Column("product", "q · k", "measured"),
        Column("score", "q · k / √2", "measured", decimals=2),
        Column("weight", "softmax: weight", "measured", decimals=3),
        Column("value", "value v", "measured"),
        Column("share", "weight × v", "measured", decimals=2),
    )
    query = ", ".join(f"{number:g}" for number in QUERY[0].tolist())
    caption = (
        f"Eq. 2 by hand: one query q = ({query}), three keys of two numbers, three values. The weights add up to 1, "
        f"and the result, the sum of the last column, is {result:.2f}."
    )
    return Table("attention_example", frame, columns, caption, {})


# --- sizes -----------------------------------------------------------------------------------------------------------


@torch.no_grad()
def _shapes(card: DataCard, config: UfamaConfig) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor of a forward pass for one window."""
    network = reference_network(card, config)
    eeg = torch.zeros(1, len(card.eeg_tokens), len(card.eeg_features))
    eye = torch.zeros(1, len(card.eye_features))
    encoders = {"EEG": (network.eeg_encoder, eeg), "eye": (network.eye_encoder, eye.unsqueeze(-1))}
    shapes: dict[str, Tensor] = {}
    encoded = {}
    for name, (encoder, x) in encoders.items():
        encoded[name], feature = encoder(x, None)
        shapes |= {
            f"{name}: tokens as read": x,
            f"{name}: embedded, and after every block": encoded[name],
            f"{name}: branch feature": feature,
        }
    fusion = network.fusion
    bars = {
        "EEG": fusion.eeg_project(fusion.eeg_norm(encoded["EEG"])),
        "eye": fusion.eye_project(fusion.eye_norm(encoded["eye"])),
    }
    shapes |= {
        "fusion: eye to EEG (Eq. 4)": reference.cross_attention(fusion.eye_to_eeg, bars["EEG"], bars["eye"]),
        "fusion: EEG to eye (Eq. 4)": reference.cross_attention(fusion.eeg_to_eye, bars["eye"], bars["EEG"]),
    }
    outputs = network(eeg, eye)
    shapes |= {"fused feature (Eq. 5)": outputs["fusion"][0], "logits of each head": outputs["fusion"][1]}
    return {name: tuple(value.shape[1:]) for name, value in shapes.items()}


def shapes(card: DataCard, configs: Mapping[str, UfamaConfig]) -> Table:
    """The tensors of one window on its way through the network, a column for each of ``configs`` by its title."""
    measured = {title: _shapes(card, config) for title, config in configs.items()}
    names = next(iter(measured.values()))
    frame = pd.DataFrame({"tensor": list(names)})
    columns = [Column("tensor", "tensor", "key")]
    for place, (title, of_config) in enumerate(measured.items()):
        frame[f"shape_{place}"] = [" × ".join(map(str, of_config[name])) for name in names]
        columns.append(Column(f"shape_{place}", title, "measured", "tokens × numbers"))
    caption = f"One window of {card.title} on its way through the network, preset paper, for two sizes of the network."
    return Table("shapes", frame, tuple(columns), caption, {"fingerprint": card.fingerprint})


def _count(network: Network, patterns: tuple[str, ...]) -> int:
    """The parameters of one run in the named modules, of both modalities where a name has ``{m}``."""
    named = {pattern.format(m=modality) for pattern in patterns for modality in ("eeg", "eye")}
    total = 0
    for name in named:
        first, star, rest = name.partition(".*.")
        modules = [network.get_submodule(first)] if _has(network, first) else []
        if star:
            modules = [block.get_submodule(rest) for module in modules for block in module.children()]
        total += sum(parameter[0].numel() for module in modules for parameter in module.parameters())
    return total


def _has(network: nn.Module, name: str) -> bool:
    return name in dict(network.named_modules())


def parameters(card: DataCard, configs: Mapping[str, UfamaConfig]) -> Table:
    """How many trainable numbers each part of the network has, a column for each of ``configs`` by its title."""
    frame = pd.DataFrame({"part": [*PARTS, "all"]})
    columns = [Column("part", "part", "key")]
    for place, (title, config) in enumerate(configs.items()):
        network = Network(config, **_sizes(card), seeds=[0])
        counts = [_count(network, patterns) for patterns in PARTS.values()]
        frame[f"count_{place}"] = [*counts, sum(counts)]
        columns.append(Column(f"count_{place}", title, "measured", "trainable numbers of one run"))
    caption = (
        f"Trainable numbers of the network's parts for {card.title}. {flattened_share(frame)} The paper states neither "
        "the width nor how tokens become one feature; both are the released code's."
    )
    return Table("parameters", frame, tuple(columns), caption, {"fingerprint": card.fingerprint})


def flattened_share(frame: pd.DataFrame) -> str:
    """Where most parameters of the first size in the frame of `parameters`' table are."""
    counts = frame.set_index("part")["count_0"]
    flattened, attention = (
        100 * counts[list(parts)].sum() / counts["all"]
        for parts in (FLATTENED, ("self-attention (all blocks)", "fusion: cross-attention"))
    )
    return (
        f"At the paper's size {flattened:.0f} % of the {counts['all']:,} parameters are where tokens are flattened "
        f"into one vector, and {attention:.0f} % in attention."
    )


@torch.no_grad()
def stack_note(windows: Windows, config: UfamaConfig, count: int = 32) -> str:
    """Whether a run of a stack computes what it computes alone, on the first ``count`` windows."""

    def network(seeds: list[int]) -> Network:
        return Network(config, **_sizes(windows.card), seeds=seeds).double()

    eeg = torch.as_tensor(windows.eeg[:count]).double()
    eye = torch.as_tensor(windows.eye[:count]).double()
    both = network([0, 1])(eeg.expand(2, -1, -1, -1), eye.expand(2, -1, -1))
    alone = network([1])(eeg[None], eye[None])
    difference = max((stacked[1] - single[0]).abs().max().item() for stacked, single in zip(both, alone, strict=True))
    return (
        f"Two runs in one stack, and the second of them alone, on {count} windows in double precision: the largest "
        f"difference of any output is {_power(difference)}."
    )
