"""EEG from raw voltage to features: ufama's session pipeline against a straightforward MNE + numpy version.

Both read one continuous .fif recording of simulated noise and return the same features (200 Hz, 1-75 Hz, 4-s windows,
differential entropy, LDS smoothing). The straightforward version loads the whole recording, calls ``raw.resample`` and
``raw.filter``, and then loops over windows and bands.

    python benchmarks/eeg.py                       # the size of a session of SEED: 62 channels, 3394 s, 1000 Hz
    python benchmarks/eeg.py --seconds 120 --json  # smaller, one line of JSON

Times are processor seconds of one thread, alternating in one process, after a warm-up on the first 60 s; peak memory is
measured in a process of its own for each version, of which imports take a part that is stated too.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import mne
import numpy as np
import scipy
from machine import hardware, own_peak_megabytes
from threadpoolctl import threadpool_limits

from ufama.data.layout import BAND_EDGES, CHANNELS
from ufama.data.signals.eeg import read_raw, session_features
from ufama.data.signals.eeg_settings import EegSettings
from ufama.data.signals.smoothing import smoothed

SETTINGS = EegSettings()
SEED_SECONDS = 3394  # of the 15 clips together


def write_recording(path: Path, seconds: int, rate: int) -> None:
    """Noise of 10 uV in all 62 channels, made and written a minute at a time: no more is ever in memory."""
    info = mne.create_info(list(CHANNELS), rate, "eeg", verbose="error")
    draw = np.random.default_rng(0)
    pieces = []
    for start in range(0, seconds, 60):
        samples = min(60, seconds - start) * rate
        piece = mne.io.RawArray(1e-5 * draw.standard_normal((len(CHANNELS), samples)), info, verbose="error")
        pieces.append(path.with_name(f"piece{start}_raw.fif"))
        piece.save(pieces[-1], fmt="single", verbose="error")
    whole = mne.concatenate_raws([mne.io.read_raw_fif(piece, verbose="error") for piece in pieces], verbose="error")
    whole.set_annotations(None)  # which would make filters stop at every minute
    whole.save(path, fmt="single", verbose="error")
    for piece in pieces:
        piece.unlink()


def ours(path: Path, seconds: int) -> np.ndarray:
    return session_features(read_raw(path), [(0, seconds)], SETTINGS, channels=CHANNELS)[0]


def straightforward(path: Path, seconds: int) -> np.ndarray:
    raw = mne.io.read_raw_fif(path, preload=True, verbose="error").crop(0, seconds, include_tmax=False)
    raw.resample(200, verbose="error")
    raw.filter(1, 75, verbose="error")
    signal = raw.get_data() * 1e6
    frequency, taper = np.fft.rfftfreq(800, 1 / 200), scipy.signal.windows.hann(800, sym=False)
    features = []
    for start in range(0, signal.shape[1] - 799, 800):
        window = signal[:, start : start + 800]
        spectrum = np.abs(np.fft.rfft((window - window.mean(axis=1, keepdims=True)) * taper)) ** 2
        bands = []
        for low, high in BAND_EDGES.values():
            variance = 2 * spectrum[:, (frequency >= low) & (frequency < high)].sum(axis=1) / (800 * (taper**2).sum())
            bands.append(0.5 * np.log(2 * np.pi * np.e * variance))
        features.append(np.stack(bands, axis=-1))
    return smoothed(np.stack(features), SETTINGS)


VERSIONS = {"ufama": ours, "straightforward": straightforward}


def peak_megabytes(path: Path, seconds: int) -> dict[str, float]:
    """Of a process that runs one version; "imports" runs none."""
    peaks = {}
    for name in ("imports", *VERSIONS):
        command = [sys.executable, __file__, "--only", name, "--recording", str(path), "--seconds", str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks[name] = float(done.stdout)
    return peaks


def measure(seconds: int, rate: int, repeats: int) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noise_raw.fif"
        write_recording(path, seconds, rate)
        for version in VERSIONS.values():
            version(path, min(60, seconds))
        times: dict[str, list[float]] = {name: [] for name in VERSIONS}
        results = {}
        for _ in range(repeats):
            for name, version in VERSIONS.items():
                start = time.process_time()
                results[name] = version(path, seconds)
                times[name].append(time.process_time() - start)
        peaks = peak_megabytes(path, seconds)
    inside = slice(2, -2)  # the whole-signal resampler differs at the recording's ends
    difference = np.abs(results["ufama"] - results["straightforward"])[inside].max()
    return {
        "recording": {"what": "simulated noise", "channels": len(CHANNELS), "seconds": seconds, "rate": rate},
        "repeats": repeats,
        "versions": {
            name: {
                "seconds_median": round(statistics.median(values), 3),
                "seconds_min": round(min(values), 3),
                "seconds_max": round(max(values), 3),
                "times_real_time_per_core": round(seconds / statistics.median(values), 1),
                "peak_megabytes": peaks[name],
            }
            for name, values in times.items()
        },
        "speedup": round(statistics.median(times["straightforward"]) / statistics.median(times["ufama"]), 2),
        "peak_megabytes_imports": peaks["imports"],
        "largest_difference_nats": float(f"{difference:.2g}"),
        "hardware": hardware("cpu") | {"threads": 1},
        "software": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "mne": mne.__version__,
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=SEED_SECONDS, help="length of the recording")
    parser.add_argument("--rate", type=int, default=1000, help="samples per second")
    parser.add_argument("--repeats", type=int, default=3, help="timings of each version")
    parser.add_argument("--json", action="store_true", help="print one line of JSON only")
    parser.add_argument("--only", choices=("imports", *VERSIONS), help=argparse.SUPPRESS)
    parser.add_argument("--recording", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only:
        if asked.only in VERSIONS:
            with threadpool_limits(1):
                VERSIONS[asked.only](asked.recording, asked.seconds)
        print(own_peak_megabytes())
        return
    with threadpool_limits(1):
        found = measure(asked.seconds, asked.rate, asked.repeats)
    print(json.dumps(found, indent=None if asked.json else 2))


if __name__ == "__main__":
    main()
