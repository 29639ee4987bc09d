"""A control without features: the source's most frequent class for every window."""

import numpy as np

from ufama.data.windows import DataCard
from ufama.methods import Predictor, UnlabelledWindows
from ufama.methods.bases.fitted import FittedMethod, NoSettings, as_fusion, one_hot


class Majority(FittedMethod[NoSettings]):
    """A control. Of equally frequent classes the first; probabilities are 1 and 0."""

    name = "majority"
    title = "Majority class"
    source = "a control"
    inputs = "labels of the source"
    checked_against = "counting by hand"
    defaults = NoSettings()

    def fit(
        self,
        config: NoSettings,
        card: DataCard,
        source: UnlabelledWindows,
        source_label: np.ndarray,
        target: UnlabelledWindows,
        seed: int,
    ) -> Predictor:
        classes = len(card.class_names)
        most_frequent = np.bincount(source_label, minlength=classes).argmax()
        return lambda windows: as_fusion(one_hot(np.full(len(windows.eeg), most_frequent), classes))


METHOD = Majority()
