"""The small data set with its tokens named after electrodes, and a check of what an input's earlier windows do."""

from dataclasses import replace

import torch

from tests.methods.steps import first_batch, trainer

NAMES = ("FP1", "FZ", "T7", "CZ", "T8", "PZ", "O2")


def named(windows):
    """The same windows; tokens are electrodes of all five regions."""
    return replace(windows, card=replace(windows.card, eeg_tokens=NAMES))


def check_earlier_windows_are_read(method, windows, **changes):
    """An input's first and last window both change its features; other inputs do not."""
    made = trainer(method, windows, **changes)
    source, _ = first_batch(made)
    assert source.eeg.shape[2] == method.context(made.config) > 1
    with torch.no_grad():
        before = made.network(source.eeg, source.eye).fused
        for position in (0, -1):
            eeg = source.eeg.clone()
            eeg[:, 0, position] += 1
            after = made.network(eeg, source.eye).fused
            assert not torch.allclose(after[:, 0], before[:, 0])
            assert torch.allclose(after[:, 1:], before[:, 1:], rtol=1e-9, atol=1e-12)
