"""What several tests of campaigns look at."""

import pytest

from ufama.campaigns import worker


@pytest.fixture
def trained(monkeypatch):
    """The digests of every stack that is begun from now on."""
    seen, train_stack = [], worker.train_stack

    def watched(stack, *rest, **more):
        seen.append(stack.digests)
        return train_stack(stack, *rest, **more)

    monkeypatch.setattr(worker, "train_stack", watched)
    return seen
