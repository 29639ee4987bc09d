"""UF-AMA as research code is usually written: slow, plain, one run at a time. What the stack is measured against.

One ``nn.Module`` per modality out of PyTorch's own Transformer layers; source and target go through the network one
after the other; screening is a Python loop over windows that reads every confidence with ``.item()``; the MMD over
neighbours is a loop over pairs; Adam has one group of parameters per module. The mathematics is that of
`ufama.methods.ufama` for the presets `paper` and `released`: with the same weights, in double precision and without
dropout, every loss term and every parameter after a step is equal (tests/benchmarks/test_reference.py).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.config import UfamaConfig
from ufama.core.attention import StackedAttention
from ufama.core.layers import StackedLayerNorm, StackedLinear
from ufama.core.network import Network

BRANCHES = ("eeg", "eye", "fusion")
BRANCH_WEIGHTS = {"eeg": 0.25, "eye": 0.25, "fusion": 0.5}


class Head(nn.Sequential):
    def __init__(self, inputs: int, hidden: int, classes: int, dropout: float):
        super().__init__(nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes))


class ModalityNetwork(nn.Module):
    """x (B, tokens, features) -> encoded tokens (B, tokens, width), embedding (B, width), logits (B, classes)."""

    def __init__(self, config: UfamaConfig, tokens: int, features: int, classes: int):
        super().__init__()
        self.embed = nn.Linear(features, config.width)
        blocks = []
        for _ in range(config.encoder_blocks):
            block = nn.TransformerEncoderLayer(
                config.width,
                config.attention_heads,
                config.ffn_width,
                config.encoder_dropout,
                batch_first=True,
                norm_first=config.encoder_norm == "pre",
            )
            if not config.attention_bias:
                block.self_attn = nn.MultiheadAttention(
                    config.width, config.attention_heads, config.encoder_dropout, bias=False, batch_first=True
                )
            blocks.append(block)
        self.blocks = nn.Sequential(*blocks)
        self.project = nn.Linear(tokens * config.width, config.width)
        self.head = Head(config.width, config.modality_head_width, classes, config.head_dropout)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        tokens = self.blocks(self.embed(x))
        embedding = self.project(tokens.flatten(1))
        return tokens, embedding, self.head(embedding)


class FusionNetwork(nn.Module):
    """Tokens of both modalities -> fused (B, 2 * fusion_width), logits (B, classes)."""

    def __init__(self, config: UfamaConfig, eeg_tokens: int, eye_tokens: int, classes: int):
        super().__init__()
        width, fusion_width = config.width, config.fusion_width
        self.eeg_norm = nn.LayerNorm(width) if config.fusion_norm else nn.Identity()
        self.eye_norm = nn.LayerNorm(width) if config.fusion_norm else nn.Identity()
        self.eeg_project = nn.Linear(width, fusion_width)
        self.eye_project = nn.Linear(width, fusion_width)
        bias = config.attention_bias
        self.eye_to_eeg = nn.MultiheadAttention(fusion_width, config.attention_heads, bias=bias, batch_first=True)
        self.eeg_to_eye = nn.MultiheadAttention(fusion_width, config.attention_heads, bias=bias, batch_first=True)
        self.eeg_output = nn.Linear(eeg_tokens * fusion_width, fusion_width)
        self.eye_output = nn.Linear(eye_tokens * fusion_width, fusion_width)
        self.head = Head(2 * fusion_width, config.fusion_head_width, classes, config.head_dropout)

    def forward(self, eeg_tokens: Tensor, eye_tokens: Tensor) -> tuple[Tensor, Tensor]:
        eeg = self.eeg_project(self.eeg_norm(eeg_tokens))
        eye = self.eye_project(self.eye_norm(eye_tokens))
        eeg_received, _ = self.eye_to_eeg(eeg, eye, eye, need_weights=False)
        eye_received, _ = self.eeg_to_eye(eye, eeg, eeg, need_weights=False)
        eeg_output = self.eeg_output((eeg + eeg_received).flatten(1))
        eye_output = self.eye_output((eye + eye_received).flatten(1))
        fused = torch.cat([eeg_output, eye_output], dim=1)
        return fused, self.head(fused)


class Reference:
    """One run in training.

    target_windows   of the run's target, for the confidences that preset `paper` remembers
    """

    def __init__(
        self,
        config: UfamaConfig,
        *,
        eeg_tokens: int,
        eeg_features: int,
        eye_features: int,
        classes: int,
        target_windows: int,
        learning_rate: float = 5e-4,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ):
        self.config = config
        self.eeg = ModalityNetwork(config, eeg_tokens, eeg_features, classes).to(device, dtype)
        self.eye = ModalityNetwork(config, eye_features, 1, classes).to(device, dtype)
        self.fusion = FusionNetwork(config, eeg_tokens, eye_features, classes).to(device, dtype)
        groups = [
            {"params": [p for name, p in module.named_parameters() if config.train_heads or "head." not in name]}
            for module in (self.eeg, self.eye, self.fusion)
        ]
        self.optimiser = torch.optim.Adam(groups, lr=learning_rate)
        self.remembered = [[-1.0, -1.0] for _ in range(target_windows)]

    def forward(self, eeg: Tensor, eye: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """eeg (B, tokens, features), eye (B, features) -> branch -> features (B, D), logits (B, classes)."""
        eeg_tokens, eeg_embedding, eeg_logits = self.eeg(eeg)
        eye_tokens, eye_embedding, eye_logits = self.eye(eye.unsqueeze(-1))
        fused, fusion_logits = self.fusion(eeg_tokens, eye_tokens)
        return {
            "eeg": (eeg_embedding, eeg_logits),
            "eye": (eye_embedding, eye_logits),
            "fusion": (fused, fusion_logits),
        }

    def step(
        self, source: tuple[Tensor, Tensor], label: Tensor, target: tuple[Tensor, Tensor], row: Tensor, epoch: int
    ) -> dict[str, float]:
        """One optimisation step; its loss terms before weighting.

        source, target (eeg, eye) of B windows each; label (B,); row (B,) positions of the target's windows in it.
        """
        config = self.config
        source_outputs = self.forward(*source)
        target_outputs = self.forward(*target)
        terms = dict.fromkeys(("classification", "compactness", "mmd"), 0.0)
        for branch, weight in BRANCH_WEIGHTS.items():
            (source_features, source_logits), (target_features, _) = source_outputs[branch], target_outputs[branch]
            terms["classification"] = terms["classification"] + weight * functional.cross_entropy(source_logits, label)
            compared = source_features if config.compactness_input == "features" else source_logits.softmax(1)
            terms["compactness"] = terms["compactness"] + weight * self._compactness(compared, label)
            terms["mmd"] = terms["mmd"] + weight * self._mmd(source_features, target_features)
        terms["consistency"], terms["distillation"], gate_open = self._fine_grained(target_outputs, row)
        loss = terms["classification"] + terms["compactness"] + self._mmd_weight(epoch) * terms["mmd"]
        if epoch >= config.fine_grained_from:
            loss = loss + self._consistency_weight(terms["classification"].item()) * terms["consistency"]
            if gate_open:
                loss = loss + config.distillation_weight * terms["distillation"]
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return {name: term.item() for name, term in terms.items()}

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
        kernel = sum(torch.exp(-distance / (bandwidth * 2.0 ** (k - centre))) for k in range(config.mmd_kernels))
        if config.mmd_estimator == "quadratic":
            return kernel[:size, :size].mean() + kernel[size:, size:].mean() - 2 * kernel[:size, size:].mean()
        loss = 0.0
        for i in range(size):
            j = (i + 1) % size
            loss = loss + kernel[i, j] + kernel[size + i, size + j] - kernel[i, size + j] - kernel[j, size + i]
        return loss / size

    def _fine_grained(self, outputs: dict, row: Tensor) -> tuple[Tensor, Tensor, bool]:
        """Consistency, distillation, and whether the gate is open."""
        config = self.config
        probabilities = {branch: logits.detach().softmax(1) for branch, (_, logits) in outputs.items()}
        confidence, label = {}, {}
        for branch in BRANCHES:
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
            self.remembered[row[i].item()] = [confidence["eeg"][i], confidence["eye"][i]]
        seen = sorted((value for pair in self.remembered for value in pair if value >= 0), reverse=True)
        threshold = seen[math.ceil(share * len(seen)) - 1]
        return {(i, modality) for value, i, modality in entries if value >= threshold}, threshold

    @staticmethod
    def _cross_entropy(logits: Tensor, rows: list[int], labels: list[int]) -> Tensor:
        return functional.cross_entropy(logits[rows], torch.tensor(labels, device=logits.device))


@torch.no_grad()
def load_run(reference: Reference, network: Network, run: int) -> None:
    """Give the reference the weights that one run of a stack has."""
    for stacked, plain in pairs(reference, network):
        if isinstance(stacked, StackedLinear):
            plain.weight.copy_(stacked.weight[run].t())
            if stacked.bias is not None:
                plain.bias.copy_(stacked.bias[run, 0])
        elif isinstance(stacked, StackedLayerNorm):
            plain.weight.copy_(stacked.gain[run])
            plain.bias.copy_(stacked.shift[run])
        else:
            inputs = (stacked.query, stacked.key, stacked.value)
            plain.in_proj_weight.copy_(torch.cat([part.weight[run].t() for part in inputs]))
            plain.out_proj.weight.copy_(stacked.output.weight[run].t())
            if plain.in_proj_bias is not None:
                plain.in_proj_bias.copy_(torch.cat([part.bias[run, 0] for part in inputs]))
                plain.out_proj.bias.copy_(stacked.output.bias[run, 0])


def pairs(
    reference: Reference, network: Network
) -> list[tuple[StackedLinear | StackedLayerNorm | StackedAttention, nn.Module]]:
    """Every layer of a stack's network beside the reference's layer that does the same."""
    found = []
    for modality in ("eeg", "eye"):
        stacked, plain = getattr(network, f"{modality}_encoder"), getattr(reference, modality)
        found += [(stacked.embed, plain.embed), (stacked.project, plain.project)]
        for block, layer in zip(stacked.blocks, plain.blocks, strict=True):
            found += [
                (block.attention, layer.self_attn),
                (block.attention_norm, layer.norm1),
                (block.feed_forward_norm, layer.norm2),
                (block.feed_forward.expand, layer.linear1),
                (block.feed_forward.contract, layer.linear2),
            ]
    stacked, plain = network.fusion, reference.fusion
    if stacked.norm:
        found += [(stacked.eeg_norm, plain.eeg_norm), (stacked.eye_norm, plain.eye_norm)]
    found += [(getattr(stacked, name), getattr(plain, name)) for name in ("eeg_project", "eye_project")]
    found += [(getattr(stacked, name), getattr(plain, name)) for name in ("eeg_output", "eye_output")]
    found += [(getattr(stacked, name).attention, getattr(plain, name)) for name in ("eye_to_eeg", "eeg_to_eye")]
    for branch in BRANCHES:
        stacked_head, plain_head = getattr(network, f"{branch}_head"), getattr(reference, branch).head
        found += [(stacked_head.hidden, plain_head[0]), (stacked_head.output, plain_head[3])]
    return found
