# %% [markdown]
# # The recordings

# %% tags=["parameters", "hide-input"]
require_real = False  # True: refuse to work on simulated recordings

# %% tags=["hide-input"]
from IPython.display import Markdown

from ufama.pages.page import open_page
from ufama.report import datasets, findings, tables
from ufama.report.lists import listed
from ufama.report.page_head import head

page = open_page("datasets", globals(), dataset="seed")
seed, seed_iv = page.windows, page.seed_iv.windows
sessions = datasets.sessions_table(seed, seed_iv)
head(
    "What do the two sets hold, and what do people, trials and windows of them share?",
    findings.recordings(sessions),
    evidence={"what-the-two-sets-hold": "people, trials and windows", "the-same-clips-for-everybody": "who sees what"},
    caveat="Where a table says simulated, the layout is that of the real set, and the signals are made by a program. "
    "Nothing is trained on this page.",
)

# %% [markdown]
# *Table 1 and section 2.1 of the paper. Cost: seconds on one core, once the recordings are on disk.*
#
# SEED and SEED-IV show film clips to people who wear a 62-channel EEG cap and eye-tracking glasses. Both are licensed,
# so this book brings its own: a simulator writes a complete set in the exact folder layout of the real one, and the
# reader below is the one that a licence holder's folder goes through. Everything computed from a simulated set says
# so. The first row of the table says which it is here.

# %% [markdown]
# ## What the two sets hold

# %%
page.show(tables.table1(seed, seed_iv))

# %% [markdown]
# A *window* is four seconds of one film clip: 62 channels times five bands of differential entropy, and the eye
# features of the same four seconds. A *trial* is one clip. Windows of one trial are nearly equal to their neighbours,
# because the features are smoothed, so the number of independent observations in a session is closer to its 15 or 24
# trials than to its hundreds of windows.

# %%
page.show(sessions)

# %% [markdown]
# These counts are of 4-second windows. Section 3.2 of the paper states 3394 windows per session for SEED and 3435,
# 3364 and 3324 for SEED-IV; those are counts of 1-second windows. The accuracies in its Tables 4 and 5 are multiples of
# one part in 842, and of one part in 851, 832 and 822 ({doc}`audit`), so 4-second windows are what was
# scored.
#
# ## What a window looks like
#
# Differential entropy ({eq}`eq-1`) is computed before the windows reach this project: the released files hold it, on a
# scale of base-two logarithms of power.

# %% mystnb={"figure": {"name": "fig-windows", "caption": "One person's first session of the simulated SEED. Top: differential entropy of each band, mean over the 62 channels. Bottom: the first two eye features (named by number, because no public list gives the order of SEED's 33). Vertical lines separate trials; colour marks the emotion of the clip."}}
from ufama.report import figures

person = seed.select((seed.subject == 1) & (seed.session == 1))
page.show(figures.recording(person))

# %% [markdown]
# ## The same clips for everybody
#
# Within a session all people see the same clips in the same order. In SEED the three sessions repeat the same 15
# clips; SEED-IV shows 72 clips, 24 in each session. A model that recognises the *clip* would therefore score well
# across subjects, and on SEED across sessions too, without recognising an emotion. Only
# `cross_subject_session` on SEED-IV (an unseen person watching unseen clips) rules that out.

# %%
page.show(datasets.folds_table(seed, seed_iv))

# %% [markdown]
# ## Reading your own copy
#
# A licence holder names the folder of the release, as it was downloaded and unpacked, in the environment variable
# `UFAMA_SEED` or `UFAMA_SEED_IV`, or passes it as `data_root`; then every page of this book computes from it. Folders
# are found by their own names, whatever the folders above them are called, and files are distinguished by the numbers in
# their names. `ufama data doctor FOLDER` tells beforehand what is there and what is missing.
#
# These folders of features are read. Where none is named, the first of a set that is there and has windows of four
# seconds.

# %%
page.show(datasets.folders_table())

# %% [markdown]
# *subjects* is how many the release holds: in SEED, 12 of the 15 have eye movement (1 to 5 and 8 to 14, under their own
# numbers). The further features of the `.mat` files are the power (`psd`) and the asymmetries between electrodes
# (`dasm`, `rasm`, `asm`, `dcau`), each smoothed in two ways (`movingAve`, `LDS`).
#
# Three arguments of `open_dataset` choose among them: `eeg`, a folder by its name; `feature`, by the name of its
# variables; and `eye`. Eye features exist for windows of four seconds only, so EEG in windows of one second needs a
# decision, and there is no default: `eye="repeated"` lets each row stand for the windows in its four seconds,
# `eye="none"` reads the EEG alone. The data card says what was read. Here one simulated person is written in three of
# the layouts and read in five ways.

# %%
import tempfile
from pathlib import Path

from ufama.data import read_recordings
from ufama.simulation.files import write_simulated

with tempfile.TemporaryDirectory() as place:
    root = write_simulated("seed", Path(place) / "SEED", subjects=[1], also=["ExtractedFeatures_4s", "eeg_used_1s"])
    ways = {
        "nothing named": {},
        'eeg="ExtractedFeatures_4s"': {"eeg": "ExtractedFeatures_4s"},
        'eeg="ExtractedFeatures_4s", feature="dasm_LDS"': {"eeg": "ExtractedFeatures_4s", "feature": "dasm_LDS"},
        'eeg="eeg_used_1s", eye="repeated"': {"eeg": "eeg_used_1s", "eye": "repeated"},
        'eeg="eeg_used_1s", eye="none"': {"eeg": "eeg_used_1s", "eye": "none"},
    }
    read = {way: read_recordings("seed", root, subjects=[1], **choice) for way, choice in ways.items()}

page.show(datasets.readings_table(read))

# %%
Markdown(listed(read['eeg="eeg_used_1s", eye="repeated"'].card.notes))

# %% [markdown]
# In one-second windows a session has the 3394 windows that section 3.2 of the paper states for SEED; SEED-IV's release
# has no one-second features.
#
# ## Eye features that identify the clip
#
# The last nine eye features of both sets are statistics of the whole trial, such as the number of blinks per second.
# They are the same in every window of a trial, so they identify the trial of a window, and with it the clip. The
# data card names every eye feature that never changes within a trial:

# %%
page.show(datasets.constant_features_table(seed, seed_iv))

# %% [markdown]
# SEED's are known by number only, because no public list gives the order of its 33. What a model makes of them can be
# seen by leaving them out: the control `eye_constant_rows_removed` on the page {doc}`protocols`.

# %% [markdown]
# ## What this does not show
#
# - What the licensed recordings hold beyond their layout, unless this page was computed from them.
# - How much a model makes of a feature that identifies the clip: that is measured on the page {doc}`protocols`.
