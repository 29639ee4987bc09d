"""Methods of the paper's Tables 3 and 6 that this project names and does not build: why, and what it would take."""

from typing import NamedTuple


class NotBuilt(NamedTuple):
    """One row: a published method without a file of its own in this folder."""

    name: str
    published_in: str  # the tables of arXiv:2606.00170 that hold its number
    source: str
    why: str
    what_it_would_take: str


NOT_BUILT = (
    NotBuilt(
        name="TSSSA-Net",
        published_in="Tables 3 and 6",
        source="doi:10.1016/j.knosys.2025.113762",
        why=(
            "It balances time, frequency and space. Differential entropy of 4-s windows holds the last two; its time "
            "axis lies inside a window, which these features have averaged away. No code is public, and the "
            "description does not say how its attention synchronises the three."
        ),
        what_it_would_take=(
            "Raw EEG, or differential entropy of pieces much shorter than 1 s, as one more axis of the windows; and "
            "the full text of the paper for the encoder."
        ),
    ),
    NotBuilt(
        name="RHPR-Net",
        published_in="Table 6",
        source="doi:10.1016/j.inffus.2023.102129",
        why=(
            "Its extractor reads patterns of space and frequency from the EEG's spectrum and several peripheral "
            "signals in a hierarchy; five bands and one vector of eye features leave nothing to build the hierarchy "
            "of. No code is public, and its random contrastive loss is named, not defined, in the description."
        ),
        what_it_would_take=(
            "A finer spectrum of each electrode than five bands, the peripheral signals one by one (pupil, gaze, "
            "fixation, saccade) as tokens of their own, and the full text for the loss."
        ),
    ),
)
"""What of the two tables is left when every method with its own file is taken away."""
