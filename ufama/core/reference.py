"""UF-AMA as the paper writes it, one run at a time: the definition of Eqs. (2) to (5), and a slow twin of all others.

The first functions are the paper's equations in its order. What trains is the same with a runs axis
(`ufama.core.network`) and its fast forms (`ufama.core.fast`); tests/core/test_reference.py compares them all, values
and gradients.

Below stands one training step as research code is usually written: source and target go through the network one after
the other, screening is a loop over windows that reads every confidence with ``.item()``, the MMD over neighbours a loop
over pairs. It knows what the presets `paper` and `released` need; of the paper's other equations the definitions stand
in `losses`, `mmd`, `screening` and `objective`, and these loops are independent of them.

Shapes: N windows, T tokens, D features, H heads, C classes. ``draws`` are the random numbers of dropout, None without.
"""

import math
from collections.abc import Iterator
from itertools import count
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.config import UfamaConfig

BRANCH_WEIGHTS = {"eeg": 0.25, "eye": 0.25, "fusion": 0.5}


class Draws(Protocol):
    """Where the masks of dropout come from, such as `ufama.core.random.CounterRNG`."""

    def bernoulli_mask(self, layer: int, shape: torch.Size, rate: float) -> Tensor:
        """Boolean mask of ``shape``, each element True with probability 1 - ``rate``."""


def attention(query: Tensor, key: Tensor, value: Tensor, dropout: "Dropout", draws: Draws | None) -> Tensor:
    """Scaled dot-product attention, Eq. (2): (..., Tq, D), (..., Tk, D), (..., Tk, D) -> (..., Tq, D)."""
    weights = torch.softmax(query @ key.mT / math.sqrt(key.shape[-1]), dim=-1)
    return dropout(weights, draws) @ value


def multi_head_attention(layers: "Attention", receiver: Tensor, giver: Tensor, draws: Draws | None) -> Tensor:
    """Attention in H heads, concatenated and projected: (N, Tq, D), (N, Tk, D) -> (N, Tq, D)."""
    projected = layers.query(receiver), layers.key(giver), layers.value(giver)
    query, key, value = (z.unflatten(-1, (layers.heads, -1)).transpose(1, 2) for z in projected)  # (N, H, T, D / H)
    heads = attention(query, key, value, layers.dropout, draws)
    return layers.output(heads.transpose(1, 2).flatten(2))


def feed_forward(layers: "FeedForward", z: Tensor, draws: Draws | None) -> Tensor:
    """Linear, ReLU, linear: (N, T, D) -> (N, T, D)."""
    return layers.contract(layers.dropout(torch.relu(layers.expand(z)), draws))


def encoder_block(block: "EncoderBlock", z: Tensor, draws: Draws | None) -> Tensor:
    """Self-attention and feed-forward, each with a residual, Eq. (3): (N, T, D) -> (N, T, D).

    The paper normalises before each part, the released code after its residual (``encoder_norm``).
    """

    def self_attention(x: Tensor) -> Tensor:
        return block.attention_dropout(multi_head_attention(block.attention, x, x, draws), draws)

    def mlp(x: Tensor) -> Tensor:
        return block.feed_forward_dropout(feed_forward(block.feed_forward, x, draws), draws)

    if block.pre_norm:
        z = z + self_attention(block.attention_norm(z))
        return z + mlp(block.feed_forward_norm(z))
    z = block.attention_norm(z + self_attention(z))
    return block.feed_forward_norm(z + mlp(z))


def cross_attention(layers: "Attention", receiver: Tensor, giver: Tensor) -> Tensor:
    """One modality's tokens attend to the other's, with a residual, Eq. (4): (N, T, D), (N, U, D) -> (N, T, D)."""
    return receiver + multi_head_attention(layers, receiver, giver, None)


def fusion(layers: "Fusion", eeg: Tensor, eye: Tensor) -> Tensor:
    """Cross-attention in both directions, projected and concatenated, Eq. (5).

    eeg (N, Te, width), eye (N, Ty, width) -> fused (N, 2 * fusion_width).
    """
    eeg, eye = layers.eeg_project(layers.eeg_norm(eeg)), layers.eye_project(layers.eye_norm(eye))
    eye_to_eeg = cross_attention(layers.eye_to_eeg, receiver=eeg, giver=eye)
    eeg_to_eye = cross_attention(layers.eeg_to_eye, receiver=eye, giver=eeg)
    return torch.cat([layers.eeg_output(eye_to_eeg.flatten(1)), layers.eye_output(eeg_to_eye.flatten(1))], dim=1)


class Dropout(nn.Module):
    """Inverted dropout, by the number that its layer has in the network."""

    def __init__(self, layer: int, rate: float):
        super().__init__()
        self.layer, self.rate = layer, rate

    def forward(self, x: Tensor, draws: Draws | None) -> Tensor:
        if draws is None or self.rate == 0:
            return x
        return x * draws.bernoulli_mask(self.layer, x.shape, self.rate) / (1 - self.rate)


class Attention(nn.Module):
    """The parameters of `multi_head_attention`."""

    def __init__(self, width: int, heads: int, bias: bool, dropout: Dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.key, self.value, self.output = (nn.Linear(width, width, bias=bias) for _ in range(4))


class FeedForward(nn.Module):
    """The parameters of `feed_forward`."""

    def __init__(self, width: int, hidden: int, dropout: Dropout):
        super().__init__()
        self.expand, self.contract, self.dropout = nn.Linear(width, hidden), nn.Linear(hidden, width), dropout


class EncoderBlock(nn.Module):
    """The parameters of `encoder_block`."""

    def __init__(self, config: UfamaConfig, layer: Iterator[int]):
        super().__init__()
        width, rate = config.width, config.encoder_dropout
        self.pre_norm = config.encoder_norm == "pre"
        self.attention = Attention(width, config.attention_heads, config.attention_bias, Dropout(next(layer), rate))
        self.feed_forward = FeedForward(width, config.ffn_width, Dropout(next(layer), rate))
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention_dropout, self.feed_forward_dropout = Dropout(next(layer), rate), Dropout(next(layer), rate)

    def forward(self, z: Tensor, draws: Draws | None) -> Tensor:
        return encoder_block(self, z, draws)


class Encoder(nn.Module):
    """One modality: x (N, T, features) -> encoded tokens (N, T, width), embedding (N, width)."""

    def __init__(self, config: UfamaConfig, tokens: int, features: int, layer: Iterator[int]):
        super().__init__()
        self.embed = nn.Linear(features, config.width)
        self.blocks = nn.ModuleList(EncoderBlock(config, layer) for _ in range(config.encoder_blocks))
        self.project = nn.Linear(tokens * config.width, config.width)

    def forward(self, x: Tensor, draws: Draws | None) -> tuple[Tensor, Tensor]:
        z = self.embed(x)
        for block in self.blocks:
            z = block(z, draws)
        return z, self.project(z.flatten(1))


class Fusion(nn.Module):
    """The parameters of `fusion`."""

    def __init__(self, config: UfamaConfig, eeg_tokens: int, eye_tokens: int, layer: Iterator[int]):
        super().__init__()
        width, fusion_width = config.width, config.fusion_width
        self.eeg_norm = nn.LayerNorm(width) if config.fusion_norm else nn.Identity()
        self.eye_norm = nn.LayerNorm(width) if config.fusion_norm else nn.Identity()
        self.eeg_project, self.eye_project = nn.Linear(width, fusion_width), nn.Linear(width, fusion_width)
        self.eye_to_eeg, self.eeg_to_eye = (
            Attention(fusion_width, config.attention_heads, config.attention_bias, Dropout(next(layer), 0.0))
            for _ in range(2)
        )
        self.eeg_output = nn.Linear(eeg_tokens * fusion_width, fusion_width)
        self.eye_output = nn.Linear(eye_tokens * fusion_width, fusion_width)


class Head(nn.Module):
    """Linear, ReLU, dropout, linear: (N, D) -> (N, C)."""

    def __init__(self, inputs: int, hidden: int, classes: int, dropout: Dropout):
        super().__init__()
        self.hidden, self.output, self.dropout = nn.Linear(inputs, hidden), nn.Linear(hidden, classes), dropout

    def forward(self, z: Tensor, draws: Draws | None) -> Tensor:
        return self.output(self.dropout(torch.relu(self.hidden(z)), draws))


class Network(nn.Module):
    """The network of one run; its parts have the names they have in `ufama.core.network.Network`."""

    def __init__(self, config: UfamaConfig, *, eeg_tokens: int, eeg_features: int, eye_features: int, classes: int):
        super().__init__()
        layer, rate = count(1), config.head_dropout
        self.eeg_encoder = Encoder(config, eeg_tokens, eeg_features, layer)
        self.eye_encoder = Encoder(config, eye_features, 1, layer)
        self.fusion = Fusion(config, eeg_tokens, eye_features, layer)
        self.eeg_head = Head(config.width, config.modality_head_width, classes, Dropout(next(layer), rate))
        self.eye_head = Head(config.width, config.modality_head_width, classes, Dropout(next(layer), rate))
        self.fusion_head = Head(2 * config.fusion_width, config.fusion_head_width, classes, Dropout(next(layer), rate))

    def forward(self, eeg: Tensor, eye: Tensor, draws: Draws | None = None) -> dict[str, tuple[Tensor, Tensor]]:
        """eeg (N, tokens, features), eye (N, features) -> branch -> features (N, D), logits (N, C)."""
        eeg_tokens, eeg_embedding = self.eeg_encoder(eeg, draws)
        eye_tokens, eye_embedding = self.eye_encoder(eye.unsqueeze(-1), draws)
        fused = fusion(self.fusion, eeg_tokens, eye_tokens)
        return {
            "eeg": (eeg_embedding, self.eeg_head(eeg_embedding, draws)),
            "eye": (eye_embedding, self.eye_head(eye_embedding, draws)),
            "fusion": (fused, self.fusion_head(fused, draws)),
        }


class Reference:
    """One run in training.

    Parameters
    ----------
    config
        of the method
    network
        of the run
    target_windows
        of the run's target, whose confidences preset `paper` remembers
    learning_rate
        of Adam
    """

    def __init__(self, config: UfamaConfig, network: Network, *, target_windows: int, learning_rate: float = 5e-4):
        self.config, self.network = config, network
        trained = [p for name, p in network.named_parameters() if config.train_heads or "_head." not in name]
        self.optimiser = torch.optim.Adam(trained, lr=learning_rate)
        self.remembered = [[-1.0, -1.0] for _ in range(target_windows)]

    def step(
        self,
        source: tuple[Tensor, Tensor],
        label: Tensor,
        target: tuple[Tensor, Tensor],
        row: Tensor,
        epoch: int,
        draws: tuple[Draws | None, Draws | None] = (None, None),
    ) -> dict[str, float]:
        """One optimisation step; its loss terms before weighting.

        Parameters
        ----------
        source, target
            (eeg, eye) of N windows each
        label
            (N,) of the source
        row
            (N,) positions of the target's windows in it
        epoch
            from 0
        draws
            of dropout for the source's and for the target's pass
        """
        config = self.config
        source_outputs = self.network(*source, draws[0])
        target_outputs = self.network(*target, draws[1])
        classification = compactness = mmd = source[0].new_zeros(())
        for branch, weight in BRANCH_WEIGHTS.items():
            (source_features, source_logits), (target_features, _) = source_outputs[branch], target_outputs[branch]
            classification = classification + weight * functional.cross_entropy(source_logits, label)
            compared = source_features if config.compactness_input == "features" else source_logits.softmax(1)
            compactness = compactness + weight * self._compactness(compared, label)
            mmd = mmd + weight * self._mmd(source_features, target_features)
        consistency, distillation, gate_open = self._fine_grained(target_outputs, row)
        loss = classification + compactness + self._mmd_weight(epoch) * mmd
        if epoch >= config.fine_grained_from:
            loss = loss + self._consistency_weight(classification.item()) * consistency
            if gate_open:
                loss = loss + config.distillation_weight * distillation
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return {
            "classification": classification.item(),
            "compactness": compactness.item(),
            "mmd": mmd.item(),
            "consistency": consistency.item(),
            "distillation": distillation.item(),
        }

    @staticmethod
    def _mmd_weight(epoch: int) -> float:
        if epoch <= 10:
            return 1.0
        if epoch <= 40:
            return 2 / (1 + math.exp(-10)) - 1.5
        return math.exp(-0.6 * epoch) if epoch <= 85 else 0.0

    @staticmethod
    def _consistency_weight(classification: float) -> float:
        if classification <= 0.1:
            return 0.5
        return 0.2 if classification < 0.2 else 0.1

    def _compactness(self, x: Tensor, label: Tensor) -> Tensor:
        same = (label.unsqueeze(0) == label.unsqueeze(1)).to(x.dtype)
        unit = functional.normalize(x, dim=1)
        cosine = unit @ unit.t()
        if self.config.compactness_similarity == "cosine":
            return -(same * torch.log(cosine + 1e-3) + (1 - same) * torch.log(1 - cosine + 1e-3)).mean()
        similarity = (cosine + 1) / 2
        near, far = similarity.clamp(min=1e-6), (1 - similarity).clamp(min=1e-6)
        pairs = -(same * torch.log(near) + (1 - same) * torch.log(far))
        others = ~torch.eye(len(x), dtype=torch.bool, device=x.device)
        return pairs[others].mean()

    def _mmd(self, source: Tensor, target: Tensor) -> Tensor:
        config, size = self.config, len(source)
        both = torch.cat([source, target])
        distance = (both.unsqueeze(0) - both.unsqueeze(1)).square().sum(2) + config.mmd_distance_floor
        bandwidth = distance.detach().sum() / (len(both) ** 2 - len(both))
        centre = config.mmd_kernels // 2
        kernel = torch.zeros_like(distance)
        for k in range(config.mmd_kernels):
            kernel = kernel + torch.exp(-distance / (bandwidth * 2.0 ** (k - centre)))
        if config.mmd_estimator == "quadratic":
            return kernel[:size, :size].mean() + kernel[size:, size:].mean() - 2 * kernel[:size, size:].mean()
        loss = kernel.new_zeros(())
        for i in range(size):
            j = (i + 1) % size
            loss = loss + kernel[i, j] + kernel[size + i, size + j] - kernel[i, size + j] - kernel[j, size + i]
        return loss / size

    def _fine_grained(self, outputs: dict, row: Tensor) -> tuple[Tensor, Tensor, bool]:
        """Consistency, distillation, and whether the gate is open."""
        config = self.config
        probabilities = {branch: logits.detach().softmax(1) for branch, (_, logits) in outputs.items()}
        confidence, label = {}, {}
        for branch in BRANCH_WEIGHTS:
            best, chosen = probabilities[branch].max(1)
            confidence[branch] = [value.item() for value in best]
            label[branch] = [value.item() for value in chosen]
        kept, threshold = self._screened(confidence, row)
        consistent, agreed = [], []
        taught: dict[str, list[int]] = {"eye": [], "eeg": []}  # by student
        for i in range(len(row)):
            eeg_kept, eye_kept = (i, "eeg") in kept, (i, "eye") in kept
            if eeg_kept and eye_kept:
                if label["eeg"][i] == label["eye"][i]:
                    consistent.append(i)
                    agreed.append(label["eeg"][i])
            elif eeg_kept:
                taught["eye"].append(i)
            elif eye_kept:
                taught["eeg"].append(i)
        zero = outputs["fusion"][1].sum() * 0.0
        consistency = self._cross_entropy(outputs["fusion"][1], consistent, agreed) if consistent else zero
        distillation = zero
        for student, teacher in (("eye", "eeg"), ("eeg", "eye")):
            if len(taught[student]) < config.distillation_minimum:
                continue
            retained = [i for i in taught[student] if label["fusion"][i] == label[teacher][i]]
            if retained:
                labels = [label[teacher][i] for i in retained]
                distillation = distillation + self._cross_entropy(outputs[student][1], retained, labels) / 2
        gate = config.gate_confidence
        return consistency, distillation, threshold >= gate if config.gate_inclusive else threshold > gate

    def _screened(self, confidence: dict[str, list[float]], row: Tensor) -> tuple[set, float]:
        """The trusted entries (position, modality) of the batch, and the confidence of the last trusted."""
        share = self.config.trusted_share
        entries = [(value, i, modality) for modality in ("eeg", "eye") for i, value in enumerate(confidence[modality])]
        if self.config.screening_pool == "batch":
            ranked = sorted(entries, key=lambda entry: -entry[0])
            trusted = ranked[: math.ceil(share * len(ranked))]
            return {(i, modality) for _, i, modality in trusted}, trusted[-1][0]
        for i in range(len(row)):
            self.remembered[int(row[i].item())] = [confidence["eeg"][i], confidence["eye"][i]]
        seen = sorted((value for pair in self.remembered for value in pair if value >= 0), reverse=True)
        threshold = seen[math.ceil(share * len(seen)) - 1]
        return {(i, modality) for value, i, modality in entries if value >= threshold}, threshold

    @staticmethod
    def _cross_entropy(logits: Tensor, rows: list[int], labels: list[int]) -> Tensor:
        return functional.cross_entropy(logits[rows], torch.tensor(labels, device=logits.device))
