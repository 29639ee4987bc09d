"""Where electrodes are on the head, and what an electrode would have recorded by its neighbours."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ufama.data.layout import CHANNELS, DataError

if TYPE_CHECKING:
    from mne import Info

# CB1 and CB2 are in no montage of MNE: halfway between PO9 / PO10 and I1 / I2, below and beside O1 / O2.
_CEREBELLAR = {"CB1": ("PO9", "I1"), "CB2": ("PO10", "I2")}


@lru_cache(maxsize=1)
def _places() -> dict[str, np.ndarray]:
    """Name in capitals -> place (3,) in MNE's standard montage, in metres."""
    import mne

    named = mne.channels.make_standard_montage("colin27_1005").get_positions()["ch_pos"]
    places = {name.upper(): place for name, place in named.items()}
    return places | {name: (places[a] + places[b]) / 2 for name, (a, b) in _CEREBELLAR.items()}


def known_electrodes() -> frozenset[str]:
    """Names, in capitals, of the electrodes whose place is known: the 10-05 system and CB1, CB2."""
    return frozenset(_places())


def electrode_directions(names: Sequence[str] = CHANNELS) -> np.ndarray:
    """(n, 3) unit vectors (right, front, up) to electrodes, from the centre of the sphere that fits the cap of 62 best.

    Raises DataError for a name whose place is not known.
    """
    places = _places()
    if unknown := [name for name in names if name.upper() not in places]:
        raise DataError(
            f"the place of electrode {', '.join(unknown)} is not known: expected names of the 10-05 system."
        )
    cap = np.array([places[channel] for channel in CHANNELS])
    fitted = np.linalg.lstsq(np.c_[2 * cap, np.ones(len(cap))], (cap**2).sum(axis=1), rcond=None)[0]
    outward = np.array([places[name.upper()] for name in names]) - fitted[:3]
    return outward / np.linalg.norm(outward, axis=1, keepdims=True)


def head_info(names: Sequence[str], radius: float) -> "Info":
    """Electrodes for MNE, on a sphere of ``radius`` metres about the origin of the head's coordinates."""
    import mne

    places = dict(zip(names, radius * electrode_directions(names), strict=True))
    info = mne.create_info(list(names), 1.0, "eeg", verbose="error")
    return info.set_montage(mne.channels.make_dig_montage(places, coord_frame="head"), verbose="error")


def spline_weights(recorded: Sequence[str], missing: Sequence[str]) -> np.ndarray:
    """(missing, recorded) weights that interpolate the signals of missing electrodes from those that were recorded.

    Spherical splines of MNE (Perrin et al. 1989, Electroencephalography and Clinical Neurophysiology 72). They are
    linear in the recorded signals, so they are read off from one unit signal per electrode. Raises DataError for an
    electrode whose place is not known.
    """
    import mne

    names = [*recorded, *missing]
    info = head_info(names, 0.09)  # the weights do not depend on the radius
    info["bads"] = list(missing)
    units = mne.EvokedArray(np.eye(len(names)), info, verbose="error")
    units.interpolate_bads(reset_bads=False, origin=(0.0, 0.0, 0.0), method={"eeg": "spline"}, verbose="error")
    return units.data[len(recorded) :, : len(recorded)]
