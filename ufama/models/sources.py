"""A SOURCE as users name it: whose labelled recordings a model is fitted to, and found again when it is adapted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ufama.data.layout import LAYOUTS, ROOT_VARIABLES, DataError
from ufama.data.two_modality import ENDINGS
from ufama.storage import environment_path, expanded

if TYPE_CHECKING:
    from ufama.data.releases.recordings import Progress
    from ufama.data.windows import Windows
    from ufama.models.model import Model


def open_source(named: str, *, progress: Progress | None = None) -> Windows:
    """The windows of a source.

    Parameters
    ----------
    named
        "seed", "seed_iv", a release's folder with its name as in "seed=FOLDER", or the path of a two-modality table
    progress
        called as progress(done, total, what)

    Raises
    ------
    DataError
        for another text, and where it cannot be read
    """
    from ufama.datasets import open_dataset

    dataset, _, folder = named.partition("=")
    if dataset in LAYOUTS and folder:
        return open_dataset(dataset, data_root=folder, progress=progress)
    if named not in LAYOUTS and not named.endswith(ENDINGS):
        raise DataError(
            f"source {named!r} is not known: expected {', '.join(LAYOUTS)}, one of them with its folder as in "
            f"seed=FOLDER, or a table that ends in {' or '.join(ENDINGS)}."
        )
    return open_dataset(named, progress=progress)


def lasting_name(named: str) -> str:
    """What a model keeps of a source's name: no folder of the machine, but for one below where the command runs."""
    dataset = named.partition("=")[0]
    if dataset in LAYOUTS:
        return dataset
    path = expanded(named)
    if not path.is_absolute():
        return named
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else path.name


def own_source(model: Model) -> Windows | None:
    """The model's own source, where it lies on this machine with the same content; None elsewhere."""
    name = str(model.source["name"])
    if name in LAYOUTS:
        if not model.card.simulated and environment_path(ROOT_VARIABLES[name]) is None:
            return None
    elif not name.endswith(ENDINGS) or not Path(name).is_file():
        return None
    try:
        windows = open_source(name)
    except DataError:
        return None
    return windows if windows.card.fingerprint == model.card.fingerprint else None
