# %% [markdown]
# # From voltage to features

# %% tags=["parameters", "hide-input"]
dataset = "seed"  # "seed" or "seed_iv": whose clips the simulated people watch

# %% tags=["hide-input"]
from ufama.config import DATASETS
from ufama.pages.page import open_page
from ufama.report import findings, signals
from ufama.report.page_head import head
from ufama.studies.feature_choices import svm_choices, unsmoothed_windows

page = open_page("features", globals(), only=DATASETS)
dataset = page.data.dataset
people, seconds = (1, 2, 3, 4, 5, 8, 9, 10), 40.0
unsmoothed = unsmoothed_windows(dataset, people, seconds)
choices = signals.choices(
    svm_choices(unsmoothed, stride=2),
    unsmoothed["log2_power"].card.title,
    f"Session 1, the first {seconds:g} s of every clip, every second window.",
)
head(
    "How does a voltage become the features that are published, and which of the choices on the way matter?",
    findings.choices(choices),
    evidence={"what-the-choices-do": "every choice", "fig-smoothing": "what smoothing does to a trial"},
    caveat="Simulated voltages of eight people; a support vector machine, no network and no training.",
)

# %% [markdown]
# *Section 2.1 of the paper, Eq. 1. Cost: half a minute on one core. Every recording on this page is simulated.*
#
# The released sets hold features; this page shows how they come out of a voltage. The steps are the paper's: 1000 Hz
# down to 200 Hz, a band-pass from 1 to 75 Hz, windows of four seconds that do not overlap, and one number per channel
# and band. The signal work is MNE's {cite:p}`Gramfort2013`; the steps are {mod}`ufama.data.signals.eeg`.

# %% [markdown]
# ## Resampling and band-pass
#
# One simulated person watches one clip. To the voltage of the raw simulator
# ({func}`~ufama.studies.feature_choices.as_recorded`) are added what an amplifier adds: a slowly drifting offset, mains hum,
# white noise.

# %% tags=["teaches"] mystnb={"figure": {"name": "fig-trace", "caption": "Ten simulated seconds at the forehead (FPZ), the top of the head (CZ) and the back (OZ). Blinks stay in: nothing in section 2.1 removes them."}}
from ufama.data.signals.eeg_settings import EegSettings
from ufama.data.signals.entropy import band_power, differential_entropy
from ufama.data.signals.filters import preprocessed
from ufama.data.signals.smoothing import smoothed
from ufama.studies.feature_choices import as_recorded
from ufama.data.layout import CHANNELS
from ufama.simulation.voltages import RawWorld

settings = EegSettings(smoothing="none")
shown = ("FPZ", "CZ", "OZ")
voltage = RawWorld(dataset).eeg(subject=1, session=1, trial=1)[[CHANNELS.index(name) for name in shown]]
recorded = as_recorded(voltage)
clean = preprocessed(recorded, 1000.0, settings)

rates = (1000.0, settings.sampling_rate)
page.show(signals.trace(recorded[:, 20_000:30_000], clean[:, 4_000:6_000], rates, shown))

# %% [markdown]
# The resampler and the filters are finite in length, so each output sample depends on less than two seconds to either
# side. A session can therefore be preprocessed block by block with the same result as in one piece
# ({func}`~ufama.data.signals.eeg.session_features`; tested), and needs no more memory than a block.

# %% mystnb={"figure": {"name": "fig-spectrum", "caption": "Power density of the simulated channel OZ over the whole clip. The mains line lies inside the pass-band and on gamma's upper edge; the setting notch removes it, section 2.1 does not."}}
page.show(signals.spectrum(recorded[2], clean[2], rates))

# %% [markdown]
# ## Differential entropy
#
# {eq}`eq-1` of a normally distributed signal is {math}`\tfrac12 \ln(2 \pi e \sigma^2)`: a logarithm of the variance, in
# nats. The variance of a band is the share of the window's power that lies in it, after a Hann taper, which keeps
# strong slow waves from leaking into the fast bands. Code: {func}`~ufama.data.signals.entropy.differential_entropy`.

# %% tags=["teaches"] mystnb={"figure": {"name": "fig-bands", "caption": "One simulated window of OZ and its five bands, on one scale; variance in the tapered window and differential entropy in nats."}}
entropy = differential_entropy(clean, settings.sampling_rate, settings)  # (windows, channels, bands)
window = 12
samples = slice(window * 800, (window + 1) * 800)
page.show(
    signals.bands_of_a_window(
        clean[2, samples], settings.sampling_rate, band_power(entropy, settings)[window, 2], entropy[window, 2]
    )
)

# %% [markdown]
# The released files are on another scale: their values lie between 10 and 30, which {math}`\tfrac12 \ln` of microvolts
# squared cannot reach. They fit {math}`\log_2(100 P)`, with {math}`P` the mean squared magnitude of the band's Fourier
# coefficients, as in public feature code of the field. Both definitions are here. They are the same quantity up to a
# factor and a constant per band:

# %% tags=["teaches"]
import numpy as np
from IPython.display import Markdown

from ufama.report.lists import listed

log2 = differential_entropy(clean, settings.sampling_rate, settings.replace(definition="log2_power"))
constant = entropy - np.log(2) / 2 * log2
Markdown(
    listed(
        {
            "range of `half_log_variance`": f"{entropy.min():.1f} to {entropy.max():.1f}",
            "range of `log2_power`": f"{log2.min():.1f} to {log2.max():.1f}",
            "their difference, a constant of each band": [f"{value:.2f}" for value in constant[0, 0]],
            "the same in all windows and channels": bool(np.ptp(constant, axis=(0, 1)).max() < 1e-9),
        }
    )
)

# %% [markdown]
# Public code has a quirk: it hands 800 tapered samples to a transform of 256 points, which drops the rest of the window
# and cuts the taper in its middle, and its bands begin one bin low, delta at 0 Hz. `log2_bins="first_256_samples"` does
# the same, for comparison. Whether the released features were made so is not known.
#
# ## Smoothing
#
# Two ways: a moving average, and a linear dynamic system (LDS): a random walk seen through noise, of which the
# Kalman filter and the Rauch–Tung–Striebel smoother {cite:p}`Rauch1965` give the mean given the whole trial. Public code
# sets the variance of a step to 0.001 and that of the noise to 1. The smoother is linear: how far it reaches depends on
# the ratio of these two alone, and not on the data. A new window changes the filter's mean by some 3 % of its distance
# from it (the steady gain), which is a memory of some 30 windows to either side; a trial of SEED has 46 to 66. After LDS a
# trial is close to *one* observation.

# %% mystnb={"figure": {"name": "fig-smoothing", "caption": "Alpha entropy of OZ over the simulated clip: each window, the moving average of five windows, and the LDS with the field's variances."}}
page.show(
    signals.smoothing(
        {name: smoothed(entropy, settings.replace(smoothing=name))[:, 2, 2] for name in ("none", "moving_average", "lds")},
        settings.window_seconds,
    )
)

# %% tags=["remove-input"]
from IPython.display import Markdown

Markdown(signals.lds_memory(settings, len(entropy)))

# %% [markdown]
# Both use later windows of the trial: a system that answers while the film runs cannot do so.
#
# ## What the choices do
#
# A support vector machine with default settings, on features made from simulated voltage in each of these ways.

# %%
choices

# %% [markdown]
# Read along the rows first: how features are *scaled* matters most. Scaling each person by their own statistics, which
# needs their whole recording but no label, adds more than any other choice in the table; it is domain adaptation of
# the simplest kind and belongs in every baseline.
#
# The two definitions give the same result to the last window once features are scaled, as they must: scaling removes a
# factor and a constant. Unscaled, they differ, because the kernel then weighs bands by their spread.
#
# Then down the columns. Smoothing helps here because it averages noise over a trial whose label does not change, and
# because a trial's windows then agree: window accuracy comes close to trial accuracy. The quirk of 256 samples costs
# accuracy here, because it looks at a third of each window. A taper at the ends only (`tapered_share=0.2`) uses more of
# the window than Hann's; it is ahead in one column and behind in the others, and with eight folds that scatter as they
# do, differences of a few points are not evidence.
#
# All of this is simulated: the sizes say how the pipeline behaves on signals of known making, not what SEED would give.

# %% [markdown]
# ## What this does not show
#
# - What the choices would give on the recordings of SEED: simulated people differ as their simulator makes them.
# - Which choices were made for the released features: their files do not say.
# - That a choice which helps a plain classifier helps a network.
