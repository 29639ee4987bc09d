"""What recordings allow: the protocols and methods that can be asked of them, and sentences on what is left out."""

from collections.abc import Collection, Iterable

from ufama.campaigns.experiments import DataRequest
from ufama.campaigns.tuning import Candidate
from ufama.config import SCALES, TrainingConfig
from ufama.data.folds import ACROSS_SESSIONS
from ufama.data.layout import LAYOUTS, DataError
from ufama.methods import ProblemSpec, is_fitted, method
from ufama.methods.parts.electrode_maps import ElectrodeError


def several_sessions(data: DataRequest) -> bool:
    """Whether one session can be held out and learned from others."""
    return len(set(data.open().session.tolist())) > 1


def several_clips(data: DataRequest) -> bool:
    """Whether some session has two clips of one class, which can then be told apart although their label is one."""
    windows = data.open()
    clips = {*zip(windows.session.tolist(), windows.label.tolist(), windows.clip.tolist(), strict=True)}
    return len(clips) > len({(session, label) for session, label, _ in clips})


def is_published(data: DataRequest) -> bool:
    """Whether the paper has numbers of this data set: of SEED and SEED-IV, whatever the copy."""
    return data.dataset in LAYOUTS


def allowed(data: DataRequest, protocols: Iterable[str]) -> tuple[str, ...]:
    """The protocols that the recordings allow: those across sessions need more than one."""
    several = several_sessions(data)
    return tuple(protocol for protocol in protocols if several or protocol not in ACROSS_SESSIONS)


def trainable(data: DataRequest, candidate: Candidate) -> bool:
    """Whether a method can be built for these recordings: some need electrodes whose places are known."""
    chosen = method(candidate.method)
    if is_fitted(chosen):
        return True
    task = ProblemSpec(data.open().card, source_domains=2, target_windows=2, clips=2)
    preset = chosen.preset(candidate.preset, dataset=data.name, variant=chosen.variants[-1])
    try:
        chosen.build(SCALES["smoke"].apply(preset, TrainingConfig())[0], task, [0])
    except ElectrodeError:
        return False
    return True


def no_sessions(data: DataRequest) -> str:
    """Why nothing is shown across sessions; for recordings of one session."""
    return (
        f"{data.open().card.title} has one session, so nothing is measured across sessions: that needs recordings of "
        "at least two."
    )


def left_out(
    data: DataRequest,
    *,
    protocols: Iterable[str] = (),
    candidates: Iterable[Candidate] = (),
    clips: bool = False,
    published: str = "",
) -> list[str]:
    """A sentence on each kind of thing that a page shows elsewhere and these recordings do not allow.

    Parameters
    ----------
    protocols, candidates
        what the page is about
    clips
        whether the page tells clips of one class apart
    published
        what the page sets beside the paper's numbers, if anything, as the subject of a sentence: "the table of ..."
    """
    sentences = []
    protocols = tuple(protocols)
    if allowed(data, protocols) != protocols:
        sentences.append(no_sessions(data))
    lacking = _titles(candidate for candidate in candidates if not trainable(data, candidate))
    if lacking:
        sentences.append(
            f"Methods that need electrodes whose places are known are left out, because {data.open().card.title} has "
            f"others than the 62 of SEED: {', '.join(lacking)}."
        )
    if clips and not several_clips(data):
        sentences.append(
            f"{data.open().card.title} has one clip of a class in each session, so which clip of a class somebody was "
            "watching is left out."
        )
    if published and not is_published(data):
        sentences.append(f"The paper has no numbers of {data.open().card.title}, so {published} is left out.")
    return sentences


def _titles(candidates: Iterable[Candidate]) -> Collection[str]:
    return dict.fromkeys(method(candidate.method).title for candidate in candidates)


def sessions_checked(data: DataRequest, question: str) -> None:
    """Raise DataError for recordings of one session; ``question``: what a page asks of more, as half a sentence."""
    if not several_sessions(data):
        raise DataError(
            f"{data.name} has one session, but {question}. Expected recordings of at least 2 sessions: choose another "
            "data set, or another page."
        )
