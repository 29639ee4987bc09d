"""HADUA as its released code trains it, written again in plain loops: forward pass, losses, and three steps of Adam.

Source and target pass the extractors one after the other; one window is one token; the head is not trained.
"""

import math

import pytest
import torch

from tests.methods.steps import trainer
from tests.methods.test_hadua_confidence import slow_pseudo_labels
from ufama.core.random import CounterRNG
from ufama.methods.hadua.config import PAPER, RELEASED, HaduaConfig
from ufama.methods.hadua.method import METHOD

WIDTHS = {"width": 8, "fusion_width": 16, "attention_head_width": 4, "head_hidden": 6}
QUIET = WIDTHS | {"attention_dropout": 0.0, "head_dropout": 0.0}
SWITCHES = {
    name: getattr(RELEASED, name)
    for name in HaduaConfig.__dataclass_fields__
    if getattr(RELEASED, name) != getattr(PAPER, name)
}
WITH_CONDITIONAL = {"conditional": True, "conditional_schedule": "constant"}
LOSSES = ("classification", "mmd", "conditional")


class Twin:
    """One run. Parameters by name without their runs axis; running statistics likewise."""

    def __init__(self, made):
        self.values = {name: p.detach()[0].clone().requires_grad_() for name, p in made.network.named_parameters()}
        buffers = dict(made.network.named_buffers())
        self.running = {name: value[0].clone() for name, value in buffers.items() if ".norm." in name}
        self.moments = {name: (torch.zeros_like(p), torch.zeros_like(p)) for name, p in self.values.items()}
        self.steps = 0

    def linear(self, name, x):
        y = x @ self.values[f"{name}.weight"]
        bias = self.values.get(f"{name}.bias")
        return y if bias is None else y + bias[0]

    def batch_norm(self, name, x, training):
        """Column by column, of this pass's rows; the running values keep 0.9 of themselves."""
        columns = []
        for number, column in enumerate(x.T):
            if training:
                mean = sum(column) / len(column)
                variance = sum((value - mean) ** 2 for value in column) / len(column)
                with torch.no_grad():
                    unbiased = variance * len(column) / (len(column) - 1)
                    for key, value in (("running_mean", mean), ("running_variance", unbiased)):
                        self.running[f"{name}.{key}"][number] *= 0.9
                        self.running[f"{name}.{key}"][number] += 0.1 * value
            else:
                mean, variance = (self.running[f"{name}.running_{key}"][number] for key in ("mean", "variance"))
            scaled = (column - mean) / torch.sqrt(variance + 1e-5)
            columns.append(self.values[f"{name}.weight"][number] * scaled + self.values[f"{name}.bias"][number])
        return torch.stack(columns, dim=1)

    def extractor(self, name, x, training):
        for layer in range(3):
            x = self.batch_norm(f"{name}.norm.{layer}", self.linear(f"{name}.linear.{layer}", x), training)
            x = torch.where(x > 0, x, 0.01 * x)
        return x

    def attention(self, name, query, context):
        """Window by window and head by head over a sequence of one token."""
        q, k, v = (
            self.linear(f"attention.{name}.{part}", x)
            for part, x in (("query", query), ("key", context), ("value", context))
        )
        rows, size = [], WIDTHS["attention_head_width"]
        for row in range(len(query)):
            heads = []
            for start in range(0, q.shape[1], size):
                own = slice(start, start + size)
                scores = [(q[row, own] @ k[row, own]) / math.sqrt(size)]
                weights = [torch.exp(score - scores[0]) for score in scores]
                heads.append(weights[0] / sum(weights) * v[row, own])
            rows.append(torch.cat(heads))
        return self.linear(f"attention.{name}.output", torch.stack(rows))

    def forward(self, eeg, eye, training=True):
        """(N, T, F), (N, Fy) -> fused (N, 3 x fusion_width), logits (N, C)."""
        x = self.extractor("eeg_extractor", eeg.reshape(len(eeg), -1), training)
        y = self.extractor("eye_extractor", eye, training)
        parts = [
            self.attention("within_eeg", x, x),
            self.attention("within_eye", y, y),
            self.attention("eeg_queries_eye", x, y),
        ]
        fused = torch.cat(parts, dim=1)
        hidden = self.linear("head.hidden", fused)
        return fused, self.linear("head.output", torch.where(hidden > 0, hidden, 0 * hidden))

    def adam(self, loss):
        """Decay is added to the gradient; the extractors have a tenth of the rate, the head none."""
        self.steps += 1
        names = [name for name in self.values if not name.startswith("head.")]
        found = torch.autograd.grad(loss, [self.values[name] for name in names])
        with torch.no_grad():
            for name, gradient in zip(names, found, strict=True):
                value, (first, second) = self.values[name], self.moments[name]
                gradient = gradient + 1e-3 * value
                first.copy_(0.9 * first + 0.1 * gradient)
                second.copy_(0.999 * second + 0.001 * gradient**2)
                rate = 0.05 if name.startswith("attention.") else 0.005
                step = (first / (1 - 0.9**self.steps)) / (torch.sqrt(second / (1 - 0.999**self.steps)) + 1e-8)
                value -= rate * step


def kernel_matrix(source, target):
    """Pair by pair: five Gaussians around the mean squared distance of the pooled batch, nothing added to distances."""
    both = [*source, *target]
    distance = [[((x - y) ** 2).sum() for y in both] for x in both]
    bandwidth = sum(value.item() for row in distance for value in row) / (len(both) ** 2 - len(both)) / 2**2
    return torch.stack([
        torch.stack([sum(torch.exp(-value / (bandwidth * 2**power)) for power in range(5)) for value in row])
        for row in distance
    ])  # fmt: skip


def mmd(kernel, n):
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - kernel[:n, n:].mean() - kernel[n:, :n].mean()


def conditional_mmd(kernel, n, label, share):
    """Kernel values masked by how far two windows' labels agree, divided by the windows and by the classes."""
    classes = share.shape[1]
    own = [torch.tensor([float(number == one) for number in range(classes)]).double() for one in label.tolist()]
    labels = [*own, *share]
    total = 0.0
    for i, a in enumerate(labels):
        for j, b in enumerate(labels):
            sizes = (n if i < n else len(share)) * (n if j < n else len(share))
            sign = 1 if (i < n) == (j < n) else -1
            total = total + sign * (a @ b) * kernel[i, j] / sizes
    return total / classes


def twin_losses(twin, source, target, epoch):
    """Every loss of a step and the outputs, source first."""
    s_fused, s_logits = twin.forward(source.eeg[0], source.eye[0])
    t_fused, t_logits = twin.forward(target.eeg[0], target.eye[0])
    label, n = source.label[0], len(s_fused)
    classification = sum(
        torch.log(torch.exp(row).sum()) - row[one] for row, one in zip(s_logits, label.tolist(), strict=True)
    )
    probabilities = torch.exp(t_logits) / torch.exp(t_logits).sum(1, keepdim=True)
    kernel = kernel_matrix(s_fused, t_fused)
    _, weights, *_ = slow_pseudo_labels([probabilities.tolist()], epoch, 0.999)
    share = torch.tensor(weights, dtype=torch.float64)[:, None] * probabilities
    values = (classification / n, mmd(kernel, n), conditional_mmd(kernel, n, label, share))
    return dict(zip(LOSSES, values, strict=True)), (s_fused, s_logits, t_fused, t_logits)


@pytest.mark.parametrize("changes", [{}, WITH_CONDITIONAL], ids=["released", "with the conditional term"])
def test_three_steps_equal_plain_loops(small, changes):
    made = trainer(METHOD, small, **QUIET | SWITCHES | changes)
    twin = Twin(made)
    made.batches.draw_epoch(0)
    for number in range(3):
        source, target = made.batches.step(number)
        expected, outputs = twin_losses(twin, source, target, epoch=4.0)
        if number == 0:
            before = {name: value.clone() for name, value in made.network.named_buffers()}
            s, t = made.training_outputs(source, target, CounterRNG(made.noise_seeds, made.steps_done))
            for ours, theirs in zip((s.fused, s.logits, t.fused, t.logits), outputs, strict=True):
                torch.testing.assert_close(ours[0], theirs, rtol=1e-9, atol=1e-11)
            for name, value in made.network.named_buffers():
                value.copy_(before[name])
        terms = made.step(source, target, torch.tensor(4.0, dtype=torch.float64))
        assert list(terms.losses) == [name for name in LOSSES if name != "conditional" or changes]
        for name, value in terms.losses.items():
            assert value.item() == pytest.approx(expected[name].item(), rel=1e-9), name
        twin.adam(sum(expected[name] for name in terms.losses))
    for name, value in made.network.named_parameters():
        torch.testing.assert_close(value[0], twin.values[name], rtol=1e-9, atol=1e-9, msg=name)
    for name, value in made.network.named_buffers():
        if ".norm." in name:
            torch.testing.assert_close(value[0], twin.running[name], rtol=1e-9, atol=1e-9, msg=name)
    with torch.no_grad():
        logits = made.network(target.eeg, target.eye).logits[0]
        torch.testing.assert_close(logits, twin.forward(target.eeg[0], target.eye[0], training=False)[1])
