# %% [markdown]
# # Simulating raw signals

# %% tags=["parameters", "hide-input"]
dataset = "seed"  # or "seed_iv"

# %% tags=["hide-input"]
from ufama.config import DATASETS
from ufama.pages.page import open_page
from ufama.report import findings, raw_simulation
from ufama.report.page_head import head
from ufama.studies.raw_simulation import stored

page = open_page("raw_simulation", globals(), only=DATASETS)
dataset = page.data.dataset
anchors = raw_simulation.anchors(*stored("calibration"))
head(
    "Can recordings be simulated from the voltage on, and are they as hard as real ones for a plain classifier?",
    findings.anchors(anchors),
    evidence={"beside-the-anchors": "accuracies beside published ones", "one-parameter-at-a-time": "each parameter"},
    caveat="Simulated, with one seed of the simulator. Nothing is trained but a support vector machine.",
)

# %% [markdown]
# *Section 2.1 of the paper, one level below its features. Cost: seconds on one core; the two tables of accuracies are
# stored, and measured again in ten minutes.*
#
# {doc}`calibration` is about a simulator of *features*. This page's starts earlier: people with their own head, rhythms
# and blinks, clips with their own light and layout, days on which the cap sits a little differently. What it writes are
# voltages and the events of an eye tracker, as raw files in the layout of the real sets
# (`ufama data simulate FOLDER --raw`), and the features come out of them by the same code as from anybody's recordings.
# It serves two pages: {doc}`features`, which follows a voltage to its features, and this one. All other results are of the
# simulator of features.

# %% [markdown]
# ## An example recording
#
# Under each electrode lies one source: noise whose power falls with frequency, an alpha rhythm at the person's own
# frequency, and a gain for each of the five bands. A spherical head model carries the sources to the 62 electrodes;
# blinks and muscles join on the way. The pupil follows the brightness of the clip, the gaze the places that the clip
# offers. A blink is one event in both modalities.

# %% tags=["teaches"] mystnb={"figure": {"name": "fig-raw-traces", "caption": "Twelve seconds of one simulated person (subject 1) watching one clip: five of 62 electrodes, the pupil, the gaze. Blinks in grey."}}
from ufama.simulation.voltages import RawWorld

world = RawWorld(dataset)
page.show(raw_simulation.traces(world))

# %% [markdown]
# The parameters of every simulated person, session and trial are known; written recordings have them in
# `SIMULATED.json`:

# %% tags=["teaches"]
from IPython.display import Markdown

from ufama.report.lists import listed

truth = world.truth(subject=1, session=1)
facts = {name.replace("_", " "): truth[name] for name in ("bad_modality", "alpha_frequency_hz", "cap_degrees")}
Markdown(listed(facts | {"felt in trial 1": truth["felt"][0]}))

# %% [markdown]
# ## An emotion is a region and a band
#
# A film changes the power of the sources in a named region by a stated amount, and nothing else. What reaches the
# features has gone through the head, the artefacts, the differential entropy and the smoothing.

# %% mystnb={"figure": {"name": "fig-raw-patterns", "caption": "What the emotions of simulated SEED do to band power at the electrodes, in the bands and (in brackets) regions where their sources are: the mean over an emotion's windows less the mean over all emotions; three people, one session, 8 s of every clip, features extracted from the voltages."}}
from ufama.simulation.raw_windows import raw_windows

page.show(raw_simulation.patterns(raw_windows(dataset, subjects=[1, 2, 3], sessions=[1], seconds=8.0)))

# %% [markdown]
# ## Beside the anchors
#
# The parameters were fixed by physiology and by published findings (each with its source, or named an assumption, in
# {class}`~ufama.simulation.voltages.RawSettings`). The accuracies of a support vector machine were then looked at for
# three sizes of the emotion; all three lie within the anchors, and the first choice stayed. No result of a deep method
# entered.

# %%
anchors

# %%
raw_simulation.settings()

# %% [markdown]
# ## One parameter at a time
#
# A parameter is worth having if it moves what its name says. Each row changes one of them and leaves the others;
# what it should move was written down before.

# %%
raw_simulation.parameters(*stored("parameters"))

# %% [markdown]
# Differences between people, between days, a bad modality and the clip move what they should. Three rows do not.
# Without bad sessions nothing rises, because of the few subject-sessions looked at hardly any is bad by default. Without
# individual responses the eyes stay where they were. And **without any emotion in the sources the EEG is classified as
# well as with it**: all people see the same clips, so a classifier can learn the clips and with them their labels, and
# in this simulation the clips say more than the emotions; without what clips do to everybody, accuracy falls most. A
# good accuracy across people on such data is no evidence of having recognised an emotion.

# %% [markdown]
# ## What this does not show
#
# - That real heads, eyes and days work as the simulator's do: its parts are textbook models with assumed sizes.
# - How networks do on these recordings: none is trained on them here.
# - That the emotion can be read from such an EEG: what is recognised may be the clip.
