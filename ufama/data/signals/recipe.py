"""How features are computed from raw files: what a trained model needs to read another recording as its own data."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from ufama.config import ConfigError
from ufama.data.layout import BAND_EDGES, BANDS, CHANNELS, DataError, layout
from ufama.data.signals.ecg import ECG_STATISTICS
from ufama.data.signals.eeg_settings import EegSettings
from ufama.data.signals.open_recordings import EEGMAT_CHANNELS, EEGMAT_EEG, EEGMAT_FACTS
from ufama.data.windows import DataCard

SecondModality = Literal["seed", "seed_iv", "ecg"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The way from raw files to the features of a set of windows.

    Attributes
    ----------
    eeg
        resampling, filters, window, definition of the differential entropy, smoothing
    channels
        electrodes in the features' order, named as in the table of features
    second
        "seed", "seed_iv": the 33 or 31 eye features of that set (`ufama.data.signals.eye.eye_features`), smoothed as
        the EEG; "ecg": `ufama.data.signals.ecg.ECG_STATISTICS` of a lead in the EEG's own file
    """

    eeg: EegSettings
    channels: tuple[str, ...]
    second: SecondModality

    @property
    def features(self) -> tuple[str, ...]:
        """Of one channel: its bands."""
        return BANDS

    @property
    def second_features(self) -> tuple[str, ...]:
        """Names of the second modality's features in their order."""
        return ECG_STATISTICS if self.second == "ecg" else layout(self.second).eye_features

    def to_json(self) -> dict[str, Any]:
        """Plain types, with the bands in Hz; `from_json` turns them back."""
        bands = {name: list(edges) for name, edges in BAND_EDGES.items()}
        return {"eeg": asdict(self.eeg), "channels": list(self.channels), "second": self.second, "bands": bands}

    @classmethod
    def from_json(cls, content: Any) -> "Recipe":
        """Raises DataError for anything but what `to_json` gives, naming the entry."""
        expected = ("eeg", "channels", "second", "bands")
        if not isinstance(content, dict) or set(content) != set(expected):
            raise DataError(f"the recipe of features does not have the entries {', '.join(expected)}, and no others.")
        channels, second = content["channels"], content["second"]
        if not isinstance(channels, list) or not channels or not all(isinstance(name, str) for name in channels):
            raise DataError("channels of the recipe of features: expected a list of names.")
        if second not in get_args(SecondModality):
            raise DataError(f"second of the recipe of features: expected one of {', '.join(get_args(SecondModality))}.")
        if content["bands"] != {name: list(edges) for name, edges in BAND_EDGES.items()}:
            raise DataError("bands of the recipe of features are not those that this version computes.")
        try:
            settings = EegSettings(**content["eeg"])
        except (TypeError, ConfigError) as error:
            raise DataError(f"eeg of the recipe of features: {error}") from None
        return cls(eeg=settings, channels=tuple(channels), second=second)


RECIPES = {
    name: Recipe(eeg=EegSettings(definition="log2_power"), channels=CHANNELS, second=name)
    for name in ("seed", "seed_iv")
} | {EEGMAT_FACTS["name"]: Recipe(eeg=EEGMAT_EEG, channels=EEGMAT_CHANNELS, second="ecg")}
"""By the name of the data set on its card. How exactly the released features of SEED and SEED-IV were computed is not
published; log2 power in windows of 4 s with LDS smoothing has their scale."""


def recipe_of(card: DataCard) -> Recipe | None:
    """The recipe that computes features such as those of a card; None for tables of another origin.

    A card has it by the name of its data set, where tokens, features and the length of a window are the recipe's, too.
    """
    recipe = RECIPES.get(card.name)
    if recipe is None:
        return None
    described = (card.eeg_tokens, card.eeg_features, card.eye_features, card.window_seconds)
    computed = (recipe.channels, recipe.features, recipe.second_features, recipe.eeg.window_seconds)
    return recipe if described == computed else None
