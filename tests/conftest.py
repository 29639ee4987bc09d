"""Fixtures of all rooms: small windows and tables, results of many runs, simulated folders."""

import os
import shutil

import numpy as np
import pytest
import sklearn
import torch
from filelock import FileLock

from tests.builders import VARIANTS, MadeUpResults, hand_written, made_windows, make_results, results_of
from ufama.data.windows import Windows

SOME = {"seed": (1, 10), "seed_iv": (2, 13)}


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


@pytest.fixture(autouse=True)
def _no_metadata_routing():
    """Importing skada turns it on for the whole process: a test would depend on those before it."""
    with sklearn.config_context(enable_metadata_routing=False):
        yield


@pytest.fixture(scope="session")
def results() -> MadeUpResults:
    return make_results()


@pytest.fixture(scope="session")
def ablation() -> MadeUpResults:
    return make_results(datasets=("seed",), variants=VARIANTS)


@pytest.fixture
def make():
    return make_results


@pytest.fixture
def around():
    return results_of


@pytest.fixture
def by_hand():
    return hand_written


@pytest.fixture(scope="session")
def simulated_sets(tmp_path_factory):
    """The folder of simulated sets that all workers share: each set is written by the first that needs it."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared

    def write(dataset, name=None, **choices):
        from ufama.simulation.files import write_simulated

        with FileLock(shared / f"{name or dataset}.lock"):
            return write_simulated(dataset, shared / "sets" / (name or dataset), **choices)

    return write


@pytest.fixture(scope="session")
def seed_folder(simulated_sets):
    return simulated_sets("seed", subjects=SOME["seed"])


@pytest.fixture(scope="session")
def whole_seed_folder(simulated_sets):
    """Every subject of SEED, for the few tests that need them."""
    return simulated_sets("seed", "whole-seed")


@pytest.fixture(scope="session")
def seed_iv_folder(simulated_sets):
    return simulated_sets("seed_iv", subjects=SOME["seed_iv"])


@pytest.fixture(scope="session")
def seed_layouts_folder(simulated_sets):
    """SEED's subject 10, who has eye movement, and 6, who has none, in 4-s windows; 10 also in 1-s windows."""
    return simulated_sets("seed", "seed-layouts", subjects=[6, 10], also=["ExtractedFeatures_4s", "eeg_used_1s"])


@pytest.fixture
def as_real(tmp_path, request):
    """A copy without the marker, as a licence holder's would be, to be damaged at will: files are links, so replace
    them, never write into them. "seed_mat" is SEED with its 4-s EEG features in .mat files alone."""

    from ufama.data.releases.recordings import MARKER

    folders = {"seed": "seed_folder", "seed_iv": "seed_iv_folder", "seed_mat": "seed_layouts_folder"}

    def copy(dataset):
        root = tmp_path / "copy"
        shutil.copytree(request.getfixturevalue(folders[dataset]), root, copy_function=os.link)
        (root / MARKER).unlink()
        if dataset == "seed_mat":
            shutil.rmtree(next(root.rglob("eeg_used_4s")))
        return root

    return copy
