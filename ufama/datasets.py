"""The one place that chooses which recordings are read: a licence holder's, one's own table, or simulated ones."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from ufama import storage
from ufama.data.cache import Cache
from ufama.data.layout import LAYOUTS, ROOT_VARIABLES, DataError, layout
from ufama.data.releases.description import EEG_FOLDERS, ReleasedFolder
from ufama.data.releases.recordings import Progress, read_recordings
from ufama.data.releases.search import eeg_candidates
from ufama.data.two_modality import ENDINGS, read_two_modality
from ufama.data.windows import Windows
from ufama.simulation.files import write_simulated

SEED_SIGNALS = "seed_signals"
"""The second simulated world: features extracted from simulated voltages and gaze, people and clips as in SEED."""


def open_dataset(
    dataset: str | Path,
    *,
    data_root: str | Path | None = None,
    require_real: bool = False,
    workspace: str | Path | None = None,
    progress: Progress | None = None,
    subjects: Sequence[int] | None = None,
    nan: str = "error",
    eeg: str | None = None,
    feature: str | None = None,
    eye: str = "paired",
) -> Windows:
    """The windows of SEED, SEED-IV, `SEED_SIGNALS` or a two-modality table.

    Without a folder of recordings, the simulated set of the same layout is written once and read the same way; the
    card says so. `SEED_SIGNALS` is always simulated: its windows are extracted once (`raw_windows`, about two minutes
    of one core) and kept.

    Parameters
    ----------
    dataset
        "seed", "seed_iv", "seed_signals", or the path of a two-modality .npz or .parquet (see `read_two_modality`)
    data_root
        the folder of the release; None means the one named by UFAMA_SEED or UFAMA_SEED_IV
    require_real
        make simulated recordings an error
    workspace
        where simulated sets and parsed windows are kept; None means `ufama.storage.workspace`
    progress
        called as progress(done, total, what)
    subjects, nan, eeg, feature, eye
        what is read of the release, see `read_recordings`; a simulated set with another folder of EEG features than
        the usual one lies beside the usual set

    Raises
    ------
    DataError
        for an unknown dataset, a folder that is not as released, and, with ``require_real``, where recordings would be
        simulated
    PathError
        where the simulated set cannot be written, or something else lies in its place

    Warns
    -----
    UserWarning
        where the parsed windows cannot be kept
    """
    dataset = str(dataset)
    whole = dataset == SEED_SIGNALS or dataset.endswith(ENDINGS)
    if whole and (data_root, subjects, eeg, feature, eye) != (None, None, None, None, "paired"):
        raise DataError(
            f"data_root, subjects, eeg, feature and eye have no meaning for {dataset}, which is read whole: leave them "
            "out."
        )
    if dataset == SEED_SIGNALS:
        if require_real:
            raise DataError(f"real recordings are required, but {dataset} is simulated. Name another data set.")
        return _signal_windows(_workspace(workspace) / "cache", progress)
    if whole:
        windows = read_two_modality(dataset)
        if require_real and windows.card.simulated:
            raise DataError(f"real recordings are required, but {dataset} says it is simulated. Name another file.")
        return windows
    if dataset not in LAYOUTS:
        raise DataError(
            f"dataset {dataset!r} is not known: choose {', '.join(map(repr, (*LAYOUTS, SEED_SIGNALS)))} or the path of "
            "a two-modality .npz or .parquet."
        )
    variable = ROOT_VARIABLES[dataset]
    root = storage.environment_path(variable) if data_root is None else data_root
    if root is not None and not str(root).strip():
        raise DataError("data_root is an empty text: expected the folder of the recordings, or None.")
    workspace = _workspace(workspace)
    if root is None:
        if require_real:
            raise DataError(
                f"real recordings of {LAYOUTS[dataset].title} are required, but no folder is named: expected "
                f"data_root or the environment variable {variable}. Name your licensed copy, or allow simulated "
                "recordings."
            )
        root = _simulated_root(
            dataset, workspace / "simulated", eeg_candidates(LAYOUTS[dataset], eeg, eye)[0], progress
        )
    windows = read_recordings(
        dataset,
        storage.expanded(root),
        eeg=eeg,
        feature=feature,
        eye=eye,
        subjects=subjects,
        nan=nan,
        cache=workspace / "cache",
        progress=progress,
    )
    if require_real and windows.card.simulated:
        raise DataError(
            f"real recordings of {LAYOUTS[dataset].title} are required, but {root} is a simulated set. Name your "
            f"licensed copy with data_root or {variable}, or allow simulated recordings."
        )
    return windows


def _workspace(folder: str | Path | None) -> Path:
    return storage.expanded(folder) if folder else storage.workspace()


def _signal_windows(cache: Path, progress: Progress | None) -> Windows:
    """The windows of `SEED_SIGNALS`: everybody, whole clips; kept in ``cache`` while simulator and settings stay."""
    from ufama.simulation.raw_windows import AS_RELEASED, raw_fingerprint, raw_windows
    from ufama.simulation.voltages import RAW_SETTINGS

    facts, features = layout("seed"), asdict(AS_RELEASED)
    key = raw_fingerprint(facts.name, RAW_SETTINGS, facts.subjects, facts.sessions, seconds=None, features=features)
    kept = Cache(cache / f"{SEED_SIGNALS}.npz", key)
    windows = kept.load()
    if windows is None:
        drawn = raw_windows(facts.name, RAW_SETTINGS, eeg=AS_RELEASED, progress=progress)
        windows = replace(drawn, card=replace(drawn.card, name="voltages and gaze"))
        kept.save(windows)
    return windows


def _simulated_root(dataset: str, folder: Path, eeg: ReleasedFolder, progress: Progress | None) -> Path:
    """The simulated set that holds the folder of EEG features, written if it is not there."""
    if eeg == EEG_FOLDERS[dataset][0]:
        return write_simulated(dataset, folder / dataset, progress=progress)
    return write_simulated(dataset, folder / f"{dataset}-{eeg.name}", also=(eeg.name,), progress=progress)
