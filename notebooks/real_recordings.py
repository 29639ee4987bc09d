# %% [markdown]
# # Real recordings

# %% tags=["parameters", "hide-input"]
seeds = [0, 1, 2, 3, 4]  # which of the stored seeds

# %% tags=["hide-input"]
from IPython.display import Markdown

from ufama.analysis.evaluation import select
from ufama.campaigns.results import published_folder, read_published
from ufama.pages.page import DescribedFigure
from ufama.pages.parameters import checked_parameters
from ufama.report import findings, real_recordings
from ufama.report.lists import cards
from ufama.report.page_head import head

chosen = checked_parameters(globals())["seeds"]
stored = read_published(published_folder() / "real")
stored = stored.select(stored.runs.digest[stored.runs.seed.isin(chosen)])
baselines = published_folder() / "real_baselines"
eegmat, cogwear = (select(stored, data_title=title) for title in ("EEGMAT", "CogWear"))
machine = real_recordings.stored_svm(baselines / "eegmat.csv", baselines / "eegmat_rest.csv")
gains = [real_recordings.gain(own) for own in (eegmat, cogwear)]
head(
    "Does adaptation add to a classifier on recordings of real people?",
    [findings.real(gains, machine)],
    evidence={"fig-real-people": "every held-out person", "the-baseline": "what scaling alone gives"},
    runs=stored.runs,
    caveat="Neither set is about emotion, and neither has eye tracking: nothing here may be held against a number from "
    "SEED or SEED-IV.",
)

# %% [markdown]
# *Two openly licensed sets of real people's signals, under the same code. Cost: seconds on one core; the page shows
# stored records and never trains. n and the seeds are in every caption.*
#
# Most of what was measured for this book was measured on simulated people. These two sets are real, and small. **Neither is about emotion and neither has eye tracking**, so no number on this page may be held against one
# from SEED or SEED-IV. What they can show: that recordings which nobody here designed go through the reader, the folds,
# the network and the audit; how far a plain classifier gets; and whether adaptation adds to that.

# %% [markdown]
# ## The sets
#
# | | EEGMAT | CogWear |
# | --- | --- | --- |
# | people | 36 | 23, of whom 11 came twice |
# | task | rest or serial subtraction | baseline or Stroop test |
# | modality a | EEG, 19 channels × 5 bands of differential entropy | blood volume pulse of a wristband, 18 statistics |
# | modality b | ECG, 15 statistics of the heartbeat | skin conductance, 11 statistics |
# | windows | 4 s, 15 of rest and 15 of arithmetic each | 30 s every 10 s |
# | licence | Open Data Commons Attribution 1.0 | Open Database License 1.0, share-alike |
# | cite | {cite:t}`Zyma2019`, {cite:t}`Goldberger2000` | {cite:t}`Grzeszczyk2023`, {cite:t}`Goldberger2000` |
#
# Both are on PhysioNet. The project holds no copy: it holds the records of the runs below, which name the licence.
# {mod}`~ufama.data.signals.open_recordings` says how the tables are made; `ufama data convert` makes them. EEGMAT also goes the
# whole way from raw signals: `ufama data convert eegmat-edf FOLDER eegmat.npz` reads the downloaded EDF files.

# %%
Markdown(cards(stored.runs.data_card))

# %% [markdown]
# ## The baseline
#
# A support vector machine, one person held out at a time. The step from the source's scaling to each person's own is
# larger than anything that a method adds below.

# %%
machine

# %% [markdown]
# Modality a is the EEG, b the ECG. The last rows are controls: with permuted labels, and with the first against the
# last minute of *rest*, where only time differs. Time alone explains a few points here, not the rest.

# %%
real_recordings.stored_svm(baselines / "cogwear.csv", baselines / "cogwear_sessions.csv")

# %% [markdown]
# Modality a is the pulse, b the skin's conductance. Skin temperature is left out: it drifts with time, and the
# conditions have an order. The rows that scale *each person, sessions together* use a person's two visits at once.
#
# ## Source only and UF-AMA
#
# The same network, seeds and batches, with and without adaptation. As the features of both sets have different
# units, every person's session is scaled to mean 0 and SD 1, as for the support vector machine above. A batch holds 32
# windows, or all of a target that has fewer (EEGMAT: 30); nothing was chosen by its result. CogWear's
# networks were trained across sessions only: the source is one visit of the 11 people who came twice, the target the
# other. The command for both is `ufama campaign --grid real --datasets eegmat.npz,cogwear_sessions.npz --seeds 0,1,2,3,4`.

# %%
real_recordings.adapted(eegmat)

# %%
gains[0]

# %% mystnb={"figure": {"name": "fig-real-people", "caption": "EEGMAT, each held-out person: balanced accuracy under the rule `last`, mean over seeds."}}
DescribedFigure(real_recordings.people(eegmat))

# %%
Markdown(real_recordings.without_a_lead(eegmat))

# %%
real_recordings.adapted(cogwear)

# %%
gains[1]

# %% [markdown]
# ## What may be concluded
#
# - The path works on signals that this project did not make: the support vector machine's rows agree with an
#   independent computation, and the network learns from them.
# - Most of what is gained over a classifier that ignores the person is gained by scaling each person's session by
#   itself. That step reads all of the person's windows, as adaptation does.
# - On EEGMAT, UF-AMA changes little beside the same network without it: somewhat more people go up than down, and
#   the spread over subjects is several times the mean change. The support vector machine reaches as much. Across
#   CogWear's two sessions the change is smaller than the spread over seeds.
#
# ## What this does not show
#
# - Nothing about emotion, eye tracking, SEED or the paper's tables: other signals, other tasks, two classes, a small
#   network and few steps (scale `quick`).
# - Not that mental arithmetic was recognised as such. In EEGMAT **the class is the recording**: rest is always the
#   first and arithmetic always the second, so posture, time, electrodes and the mere change of recording count too.
#   The control of early against late rest bounds slow drift only.
# - Not that windows are independent. A person has two trials in EEGMAT and two to four in CogWear, whose windows
#   overlap. The thing to count is people: 36, 23 and, across sessions, two folds of the same 11 people.
# - The rule `oracle` looks at the labels it is scored on. Only `last` and `source validation` are available to a user.
