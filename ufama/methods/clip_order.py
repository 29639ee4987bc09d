"""A control without features: the label that the trial's number has in the source, since everybody sees the film clips
in the same order."""

import numpy as np

from ufama.methods import FitData, Predictor, UnlabelledWindows
from ufama.methods.bases.fitted import NoSettings, as_fusion, one_hot
from ufama.methods.bases.named import NamedMethod


class ClipOrder(NamedMethod[NoSettings]):
    """Predict from session and trial number alone.

    A window gets the most frequent label among the source's windows of the same session and trial number; where the
    source lacks that session's trial, of the same trial number in any session; where it lacks that too, of the whole
    source. Of equally frequent classes the first; probabilities are 1 and 0.
    """

    name = "clip_order"
    title = "Clip order"
    source = "a control"
    inputs = "session and trial numbers"
    checked_against = "counting by hand"
    defaults = NoSettings()

    def fit(self, config: NoSettings, data: FitData) -> Predictor:
        source, source_label = data.source, data.source_label

        def label_of(session: int, trial: int) -> int:
            same_trial = source.trial == trial
            for alike in (same_trial & (source.session == session), same_trial):
                if alike.any():
                    return int(np.bincount(source_label[alike]).argmax())
            return int(np.bincount(source_label).argmax())

        def predict(windows: UnlabelledWindows) -> np.ndarray:
            places = np.stack([windows.session, windows.trial], axis=1)
            distinct, place = np.unique(places, axis=0, return_inverse=True)
            label = np.array([label_of(session, trial) for session, trial in distinct])
            return as_fusion(one_hot(label[place.reshape(-1)], data.classes))

        return predict


METHOD = ClipOrder()
