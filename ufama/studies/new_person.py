"""The model that the chapter on a new person shows: fitted once to simulated SEED, and stored with the project.

``python -m ufama.studies.new_person`` fits it again and writes results/new_person; about three minutes on one core.
"""

import sys
from pathlib import Path

from ufama.campaigns.results import published_folder
from ufama.config import SCALES
from ufama.data.signals.recipe import recipe_of
from ufama.datasets import open_dataset
from ufama.models.fit_adapt import fit_model
from ufama.models.folder import save_model
from ufama.models.model import Model


def example_model(dataset: str = "seed", *, scale: str = "quick", device: str = "cpu") -> Model:
    """UF-AMA fitted to all people of a data set, with every person held out once.

    As ``ufama fit`` does, but to every few windows of a trial only, as the scale says: neighbours are nearly equal.
    """
    windows = open_dataset(dataset).subsample(SCALES[scale].window_stride)
    return fit_model(
        windows,
        held_out="people",
        scale=scale,
        rule="source_validation",
        recipe=recipe_of(windows.card),
        source_name=dataset,
        device=device,
    )


def stored_model() -> Path:
    """The folder of the stored model. Raises FileNotFoundError outside a checkout, naming the command."""
    folder = published_folder()
    if folder is None or not (folder / "new_person" / "config.json").is_file():
        raise FileNotFoundError(
            "results/new_person is not here: run python -m ufama.studies.new_person in the project's folder."
        )
    return folder / "new_person"


def main() -> None:
    """Fit the model and write it where the pages read it."""
    folder = published_folder()
    if folder is None:
        sys.exit("new_person: run this in the project's folder, so that the model lands in its results/.")
    print(save_model(example_model(), folder / "new_person"))


if __name__ == "__main__":
    main()
