"""Where soft neighbourhood density (SND) goes while a network learns, beside its values for two known networks."""

import numpy as np
import pandas as pd

from ufama.campaigns.results import Results
from ufama.training.criteria import snd


def density_course(results: Results) -> pd.DataFrame:
    """SND at every evaluated epoch of every run, and what it is for two other predictions of the same windows.

    Columns: digest, epoch, snd (nats), accuracy (over windows, 0 to 1);
    equal            SND where all windows have equal probabilities, as before any learning: log(n - 1) for n windows,
                     the highest value it can have
    sure_and_right   SND where every window has probability 1 for its own label
    """
    labels = results.predictions.drop_duplicates(["digest", "subject", "session", "trial", "window"])
    known = labels.groupby("digest")["label"].agg(
        equal=lambda label: np.log(len(label) - 1),
        sure_and_right=lambda label: snd(np.eye(label.max() + 1)[label.to_numpy()]),
    )
    course = results.history[["digest", "epoch", "snd", "target_accuracy"]].dropna()
    course = course.rename(columns={"target_accuracy": "accuracy"})
    return course.merge(known, left_on="digest", right_index=True, validate="many_to_one")
