"""Models of a few steps that several tests look at."""

import pytest

from ufama.models.fit_adapt import fit_model
from ufama.models.inference import scaled_recording, unlabelled

SMOKE = {"scale": "smoke", "changes": {"encoder_blocks": 1}}


@pytest.fixture(scope="session")
def model(small):
    """Two seeds of UF-AMA, unadapted, with every person held out in turn; not to be changed."""
    return fit_model(small, held_out="people", seeds=(0, 1), **SMOKE)


@pytest.fixture(scope="session")
def newcomer(small):
    """Windows of the first subject as if he were a new person."""
    return unlabelled(small, small.subject == 1)


@pytest.fixture(scope="session")
def scaled_newcomer(model, newcomer):
    return scaled_recording(model, newcomer)
