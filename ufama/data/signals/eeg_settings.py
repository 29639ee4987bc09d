"""The choices of section 2.1 for the EEG, with their valid ranges."""

from dataclasses import dataclass
from typing import Annotated, Literal

from ufama.config import ConfigError, Range, ValidatedConfig
from ufama.data.layout import BAND_EDGES, WINDOW_SECONDS

FLAT_POWER = 1e-12
"""Of a band: rounding alone leaves less than this of a constant signal."""

_Rate = Range(2 * max(high for _, high in BAND_EDGES.values()), 1e5)
_Variance = Range(1e-12, 1e12)


@dataclass(frozen=True, kw_only=True)
class EegSettings(ValidatedConfig):
    """How features are computed from a signal. Defaults are section 2.1's where it specifies something.

    Attributes
    ----------
    low, high
        band-pass edges in Hz; None leaves that side open
    notch
        mains frequency to remove in Hz (stops 1 Hz around it), or None
    definition
        see `ufama.data.signals.entropy.differential_entropy`; affine in each other as long as log2_bins is
        "whole_window"
    tapered_share
        of a window, from both ends, under the cosine taper: 1 is Hann's, as in the field. Less uses more of the window:
        at 0.2 the entropy of a noise scatters 1.3 times less; strong slow waves leak more
    log2_bins
        "first_256_samples": log2_power exactly as public code of the field computes it
    smallest_power
        lower bound of a band's power, for recordings with a flat channel; None: flat is an error
    extra_sample
        the released trials hold 200 T + 1 samples; which end's is not used
    lds_step_variance, lds_noise_variance, lds_start_variance
        of the smoother's model (`ufama.data.signals.smoothing.smoothed`)
    moving_average_windows
        odd; the release does not specify its own
    """

    sampling_rate: Annotated[float, _Rate] = 200.0
    low: Annotated[float | None, Range(0.01, 1e4)] = 1.0
    high: Annotated[float | None, Range(0.1, 1e5)] = 75.0
    notch: Annotated[float | None, Range(1, 1e5)] = None
    window_seconds: Annotated[float, Range(0.1, 3600)] = WINDOW_SECONDS
    definition: Literal["half_log_variance", "log2_power"] = "half_log_variance"
    tapered_share: Annotated[float, Range(0.01, 1)] = 1.0
    log2_bins: Literal["whole_window", "first_256_samples"] = "whole_window"
    smallest_power: Annotated[float | None, Range(FLAT_POWER, 1e30)] = None
    extra_sample: Literal["last", "first"] = "last"
    smoothing: Literal["lds", "moving_average", "none"] = "lds"
    lds_step_variance: Annotated[float, _Variance] = 0.001
    lds_noise_variance: Annotated[float, _Variance] = 1.0
    lds_start_variance: Annotated[float, _Variance] = 0.1
    moving_average_windows: Annotated[int, Range(1, 1 << 20)] = 5

    def __post_init__(self):
        super().__post_init__()
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ConfigError(f"EegSettings.low = {self.low:g} is not below high = {self.high:g}: expected low < high.")
        for name in ("high", "notch"):
            value = getattr(self, name)
            if value is not None and value >= self.sampling_rate / 2 - 2:
                raise ConfigError(
                    f"EegSettings.{name} = {value:g} Hz needs room below half the sampling rate of "
                    f"{self.sampling_rate:g} Hz: expected less than {self.sampling_rate / 2 - 2:g}."
                )
        if self.moving_average_windows % 2 == 0:
            raise ConfigError(
                f"EegSettings.moving_average_windows = {self.moving_average_windows}: expected an odd number, so that "
                "the average is centred on its window."
            )
        if self.log2_bins != "whole_window" and (self.definition != "log2_power" or self.tapered_share != 1):
            raise ConfigError(
                f"EegSettings.log2_bins = {self.log2_bins!r} has a meaning for definition = 'log2_power' and "
                "tapered_share = 1 only: change one of them."
            )
