"""A small, irregular data set: unequal trials and classes, odd numbers of tokens and features."""

import numpy as np
import pytest
import torch

from ufama.data.windows import DataCard, Windows


def made_windows(*, subjects=4, sessions=2, trials=5, classes=3, seed=0) -> Windows:
    """People with their own offset, clips with a class pattern, trials of 9 to 14 windows."""
    draw = np.random.default_rng(seed)
    pattern_eeg, pattern_eye = draw.normal(size=(classes, 7, 3)), draw.normal(size=(classes, 5))
    columns = {name: [] for name in ("eeg", "eye", "label", "subject", "session", "trial", "clip", "window")}
    for subject in range(1, subjects + 1):
        shift_eeg, shift_eye = draw.normal(size=(7, 3)), draw.normal(size=5)
        for session in range(1, sessions + 1):
            for trial in range(1, trials + 1):
                label, n = (2 * trial + session) % classes, 9 + (3 * trial + session) % 6
                columns["eeg"].append(pattern_eeg[label] + shift_eeg + 0.5 * draw.normal(size=(n, 7, 3)))
                columns["eye"].append(pattern_eye[label] + shift_eye + 0.5 * draw.normal(size=(n, 5)))
                clip = (session - 1) * trials + trial
                for name, value in (
                    ("label", label),
                    ("subject", subject),
                    ("session", session),
                    ("trial", trial),
                    ("clip", clip),
                ):
                    columns[name].append(np.full(n, value))
                columns["window"].append(np.arange(n))
    arrays = {name: np.concatenate(parts) for name, parts in columns.items()}
    for name in ("eeg", "eye"):
        arrays[name] = arrays[name].astype(np.float32)
    card = DataCard(
        name="made",
        simulated=True,
        fingerprint=f"made-{subjects}-{sessions}-{trials}-{classes}-{seed}",
        window_seconds=4.0,
        eeg_tokens=tuple(f"E{i}" for i in range(7)),
        eeg_features=("low", "middle", "high"),
        eye_features=tuple(f"eye_{i}" for i in range(5)),
        class_names=tuple(f"class {i}" for i in range(classes)),
        licence="made up for tests",
    )
    return Windows(card=card, **arrays)


@pytest.fixture(scope="session")
def small() -> Windows:
    return made_windows()


@pytest.fixture
def small_table(tmp_path_factory, small):
    """The small set as a two-modality file."""
    path = tmp_path_factory.mktemp("tables") / "small.npz"
    np.savez(
        path,
        modality_a=small.eeg,
        modality_b=small.eye,
        label=small.label,
        subject=small.subject,
        session=small.session,
        trial=small.trial,
    )
    return path


@pytest.fixture
def long_table(tmp_path):
    """Three people, two sessions, seven trials of 80 windows: enough for a batch of 32 at the smoke scale."""
    draw = np.random.default_rng(0)
    rows = [(p, s, t) for p in (1, 2, 3) for s in (1, 2) for t in range(1, 8) for _ in range(80)]
    subject, session, trial = np.array(rows).T
    label = trial % 3
    path = tmp_path / "long.npz"
    np.savez(
        path,
        modality_a=draw.normal(size=(len(rows), 6, 3)) + label[:, None, None],
        modality_b=draw.normal(size=(len(rows), 4)) + label[:, None],
        label=label,
        subject=subject,
        session=session,
        trial=trial,
    )
    return path


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Small tensors gain nothing from threads, and tests may share their cores."""
    torch.set_num_threads(1)
