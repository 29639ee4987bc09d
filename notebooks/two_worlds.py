# %% [markdown]
# # Is the ranking of methods a property of the simulator?

# %% tags=["parameters", "hide-input"]
methods = None  # None: all that are stored; or some, such as "dann,ufama", which are ranked beside ridge

# %% tags=["hide-input"]
from ufama.campaigns.results import Results, published_folder, read_published
from ufama.pages.page import DescribedFigure
from ufama.pages.parameters import checked_parameters
from ufama.report import two_worlds
from ufama.report.page_head import head

chosen = checked_parameters(globals())["methods"]
stored = Results.concat(read_published(published_folder() / name) for name in ("quick-worlds", "real-worlds"))
worlds = two_worlds.worlds(stored, chosen)
runs = two_worlds.every_run(worlds)
head(
    "Do methods have the same order in simulated features, in features of simulated signals and in real recordings, "
    "and does adaptation beat scaling and ridge in any of them?",
    two_worlds.findings(worlds),
    evidence={
        "fig-worlds-ranks": "the ranks in every world",
        "does-adaptation-beat-scaling-and-ridge": "differences to ridge",
    },
    runs=runs,
    caveat="Default settings. Two of the worlds are simulated; the real ones are not EEG and eye movement of emotion: "
    "EEGMAT is rest against arithmetic, CEAP-360VR eyes and head at the clips of the training.",
)

# %% [markdown]
# *Nothing is trained on this page: it shows stored runs. Cost: seconds.*
#
# Most of this book is measured on one simulator. There, what a person, a day, an emotion and a clip do to a feature is
# added up ({doc}`datasets`): scaling removes most of what tells people apart, a linear classifier is hard to beat, and
# a method that aligns distributions has little left to align. So the order of methods may be a property of that
# simulator as much as of the methods. Here the same methods are trained in other worlds.
#
# ## The worlds
#
# - **Simulated SEED**: the features are drawn, as everywhere in this book.
# - **Simulated voltages and gaze**: as many subjects, sessions and clips, but no feature is drawn. Sources in a head, a
#   cap that sits differently every day, muscles, blinks, and eyes that follow a clip's light ({doc}`simulator`) are
#   simulated, and the features come out of the extraction that reads real recordings: differential entropy, a
#   logarithm of sums over sources, smoothing, and statistics of fixations and blinks. The parameters are those of that
#   page; none was changed for this one.
# - **EEGMAT** and **CEAP-360VR**: real people, openly licensed ({doc}`real_recordings`, {doc}`same_film`).
#
# ```
# ufama campaign --grid worlds --datasets seed,seed_signals
# ufama campaign --grid worlds --datasets eegmat.npz,ceap360.npz
# ```
#
# The first command extracts the second world once, in about two minutes of one core. The methods are ten of
# {doc}`the comparison <comparison>`, beside ridge, a support vector machine, the plain network, HADUA, and UF-AMA with
# and without adaptation. The ten led after trainings of 64 steps on simulated SEED; the list was fixed then and does not
# follow later comparisons. All have their default settings, the same scaling and the same number of steps.

# %%
two_worlds.worlds_table(worlds)

# %% [markdown]
# ## Ranks

# %% mystnb={"figure": {"name": "fig-worlds-ranks", "caption": "The rank of every method by its mean window-level accuracy over subjects (rule: source validation; 1 is the best). Worlds whose name begins with \"simulated\" are drawn. Red: UF-AMA; dotted: its network without adaptation; blue: ridge."}}
DescribedFigure(two_worlds.rank_figure(worlds))

# %%
two_worlds.agreement_table(worlds)

# %% [markdown]
# ## Does adaptation beat scaling and ridge?
#
# Features are scaled within each subject's session before any method sees them. That step reads all of the target's
# windows, and is shared by every row. What adaptation adds has to be more than a linear classifier gets from it.

# %%
two_worlds.adaptation_table(worlds)

# %%
two_worlds.against_ridge_table(worlds)

# %% [markdown]
# ## Accuracies

# %%
two_worlds.accuracy_table(worlds)

# %% [markdown]
# ## The real recordings
#
# The project holds no recording and no features of them, only the records of the runs, which name the licence.

# %%
from IPython.display import Markdown

from ufama.report.lists import cards

Markdown(cards(card for card in runs.data_card if not card["simulated"]))

# %% [markdown]
# ## What this does not show
#
# - What any method reaches on SEED: two worlds are drawn, and the others hold other signals and other questions. In
#   EEGMAT the class is the recording; in CEAP-360VR's cross-subject folds the clips of the test are those of training.
# - Which method is best. Nothing was tuned, trainings are short, and the ten methods were chosen by their place in the
#   first world: methods that would lead elsewhere may be missing.
# - That the second simulator is nearer to real recordings than the first. It has another mechanism and its own
#   assumptions; in both, the same emotions act on the same regions and bands.
# - Independent worlds: the two simulated ones share design, lengths of the clips and labels, and all share the scaling.
