"""Named random streams: every use of a seed has a name, so that adding a use changes no other draw."""

import hashlib
from collections.abc import Sequence

import numpy as np

MOST_SEED = 2**63 - 1  # as large as a column of whole numbers holds


def derived_seed(seed: int, *names: object) -> int:
    """A seed of 63 bits for one named use of ``seed``."""
    return int.from_bytes(_digest(seed, *names), "big") >> 1


def stream(seed: int, *names: object) -> np.random.Generator:
    """The random generator of one named use of a run's ``seed``."""
    return np.random.default_rng(derived_seed(seed, *names))


def named_stream(seeds: Sequence[int], *names: object) -> np.random.Generator:
    """The random generator of one name, under any number of ``seeds``; simulators and controls draw from these."""
    return np.random.default_rng([*seeds, int.from_bytes(_digest(*names), "little")])


def parsed_seeds(value: object) -> tuple[int, ...]:
    """The seeds that a person wrote: ``0``, ``[0, 1]``, ``"0,1,2"`` or ``"[0, 1]"``.

    Raises ValueError for anything that is not whole numbers from 0, each once.
    """
    parts = value.strip("[]() ").replace(",", " ").split() if isinstance(value, str) else value
    parts = list(parts) if isinstance(parts, Sequence) else [parts]
    whole = all(isinstance(part, (int, str)) and not isinstance(part, bool) and str(part).isdecimal() for part in parts)
    seeds = tuple(map(int, parts)) if whole else ()
    if not seeds or len(set(seeds)) != len(seeds) or max(seeds) > MOST_SEED:
        raise ValueError(
            f"{value!r} is not a list of seeds; give whole numbers from 0, each once, such as 0 or '0,1,2'."
        )
    return seeds


def _digest(*names: object) -> bytes:
    """8 bytes that tell this sequence of names from all others."""
    return hashlib.sha256("/".join(map(str, names)).encode()).digest()[:8]
