"""The head of the raw simulator: sources under the electrodes, a spherical head, spectra, eyes and muscles.

One current dipole lies under each electrode, pointing outward; a four-shell spherical head model (MNE's
``make_sphere_model``) carries it to the 62 electrodes. Its signal is noise with a 1/f spectrum, an alpha peak, and a
gain for each of the five bands. Sources are in units of the mean electrode: one of variance 1 at every place gives
1 uV^2 at an average electrode of the standard head.
"""

from functools import lru_cache

import numpy as np

from ufama.data.layout import BAND_EDGES, BANDS, CHANNELS
from ufama.data.signals.electrodes import electrode_directions
from ufama.simulation.features import REGIONS, pattern_roots, similarity

RATE = 200
"""Samples per second of the released, preprocessed recordings."""

HEAD_RADIUS = 0.09  # m
_SOURCE_DEPTH = 0.80  # of the head's radius: 18 mm below the scalp, about where the cortex's upper layers lie
_SOURCE_REACH = 0.4  # of the smooth random patterns over sources, in head radii (assumption)

_BACKGROUND_UV = 10.0  # RMS of a source's 1/f part from 1 to 75 Hz; scalp EEG is tens of uV (assumption)
_EXPONENT = 1.4  # of the 1/f spectrum, inside the range that Donoghue et al. 2020 report (Nature Neuroscience 23)
_ALPHA_UV = {"parietal occipital": 9.0, "elsewhere": 4.0}  # RMS of the alpha peak (assumption)
_ALPHA_WIDTH = 1.0  # Hz, SD of the peak (assumption)

_EYE_HEIGHT = (0.35, 0.90, -0.25)  # direction of the right eye from the head's centre: right, front, up (assumption)
_EYE_REACH = 0.45  # head radii over which a blink's potential falls (assumption)
_MUSCLE_SITES = ("FT7", "FT8", "TP7", "TP8", "FP1", "FP2")  # temporal and frontal (Goncharova et al. 2003)
_MUSCLE_REACH = 0.3  # head radii (assumption)


def rotated(directions: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Directions (n, 3) after a rotation about the axis ``degrees`` (3,), by its length."""
    angle = np.radians(np.linalg.norm(degrees))
    if angle == 0:
        return directions
    axis = degrees / np.linalg.norm(degrees)
    along = directions @ axis
    return (  # Rodrigues' formula
        directions * np.cos(angle)
        + np.cross(axis, directions) * np.sin(angle)
        + np.outer(along, axis) * (1 - np.cos(angle))
    )


@lru_cache(maxsize=64)
def _leadfield(degrees: tuple[float, float, float]) -> np.ndarray:
    import mne

    brain = electrode_directions()
    cap = HEAD_RADIUS * rotated(brain, np.array(degrees))
    info = mne.create_info(list(CHANNELS), RATE, "eeg", verbose="error")
    places = dict(zip(CHANNELS, cap, strict=True))
    info.set_montage(mne.channels.make_dig_montage(places, coord_frame="head"), verbose="error")
    sphere = mne.make_sphere_model(r0=(0, 0, 0), head_radius=HEAD_RADIUS, verbose="error")
    dipoles = {"rr": _SOURCE_DEPTH * HEAD_RADIUS * brain, "nn": brain}
    space = mne.setup_volume_source_space(pos=dipoles, verbose="error")
    forward = mne.make_forward_solution(info, None, space, sphere, meg=False, eeg=True, mindist=0, verbose="error")
    field = np.einsum("csk,sk->cs", forward["sol"]["data"].reshape(len(CHANNELS), -1, 3), brain)
    return np.round(field, 3)  # alike on every machine


def leadfield(degrees: np.ndarray) -> np.ndarray:
    """(62 electrodes, 62 sources) in units of the mean electrode, the cap turned on the head by ``degrees`` (3,)."""
    standard = _leadfield((0.0, 0.0, 0.0))
    scale = np.sqrt((standard**2).sum() / len(CHANNELS))
    return _leadfield(tuple(np.round(degrees, 3).tolist())) / scale


@lru_cache(maxsize=1)
def _pattern_roots() -> tuple[np.ndarray, np.ndarray]:
    return pattern_roots(electrode_directions(), _SOURCE_REACH)


def smooth_pattern(stream: np.random.Generator) -> np.ndarray:
    """(62 sources, 5 bands) random pattern of SD 1, alike for neighbours."""
    sources, bands = _pattern_roots()
    return sources @ stream.standard_normal((len(CHANNELS), len(BANDS))) @ bands.T


def region_pattern(parts: dict[tuple[str, str], float]) -> np.ndarray:
    """(62 sources, 5 bands): the given height at the sources under each named region's electrodes, 0 elsewhere."""
    pattern = np.zeros((len(CHANNELS), len(BANDS)))
    for (region, band), height in parts.items():
        pattern[[CHANNELS.index(channel) for channel in REGIONS[region]], BANDS.index(band)] += height
    return pattern


def spectrum(frequencies: np.ndarray, alpha_frequency: float) -> np.ndarray:
    """(62 sources, frequencies) power density at rest, uV^2 / Hz: 1/f, flat below 1 Hz, and the alpha peak."""
    fall = np.maximum(frequencies, 1.0) ** -_EXPONENT
    whole = (75 ** (1 - _EXPONENT) - 1) / (1 - _EXPONENT)  # integral of the fall from 1 to 75 Hz
    peak = np.exp(-0.5 * ((frequencies - alpha_frequency) / _ALPHA_WIDTH) ** 2) / (_ALPHA_WIDTH * np.sqrt(2 * np.pi))
    behind = np.array([channel in REGIONS["parietal occipital"] for channel in CHANNELS])
    alpha = np.where(behind, _ALPHA_UV["parietal occipital"], _ALPHA_UV["elsewhere"]) ** 2
    return _BACKGROUND_UV**2 * fall / whole + alpha[:, None] * peak


def band_of(frequencies: np.ndarray) -> np.ndarray:
    """(frequencies,) position of the band each belongs to; below delta counts as delta, above gamma as gamma."""
    upper_edges = [high for _, high in BAND_EDGES.values()][:-1]
    return np.searchsorted(upper_edges, frequencies, side="right")


@lru_cache(maxsize=1)
def blink_map() -> np.ndarray:
    """(62,) what a blink of 1 uV at the forehead's middle gives at each electrode."""
    eyes = np.array([_EYE_HEIGHT, (-_EYE_HEIGHT[0], *_EYE_HEIGHT[1:])])
    distances = np.linalg.norm(electrode_directions()[:, None] - eyes / np.linalg.norm(eyes[0]), axis=-1)
    spread = np.exp(-distances / _EYE_REACH).sum(axis=1)
    return spread / spread[CHANNELS.index("FPZ")]


@lru_cache(maxsize=1)
def muscle_maps() -> np.ndarray:
    """(62, 6) what each of six muscles gives at each electrode, 1 above the muscle."""
    directions = electrode_directions()
    return similarity(directions, _MUSCLE_REACH)[:, [CHANNELS.index(site) for site in _MUSCLE_SITES]]
