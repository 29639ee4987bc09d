"""A control without features: the source's most frequent class for every window."""

import numpy as np

from ufama.methods import FitData, Predictor
from ufama.methods.bases.fitted import NoSettings, as_fusion, one_hot
from ufama.methods.bases.named import NamedMethod


class Majority(NamedMethod[NoSettings]):
    """A control. Of equally frequent classes the first; probabilities are 1 and 0."""

    name = "majority"
    title = "Majority class"
    source = "a control"
    inputs = "labels of the source"
    checked_against = "counting by hand"
    defaults = NoSettings()

    def fit(self, config: NoSettings, data: FitData) -> Predictor:
        most_frequent = np.bincount(data.source_label, minlength=data.classes).argmax()
        return lambda windows: as_fusion(one_hot(np.full(len(windows.eeg), most_frequent), data.classes))


METHOD = Majority()
