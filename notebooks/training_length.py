# %% [markdown]
# # What changes with the length of training

# %% tags=["parameters", "hide-input"]
dataset = "seed"  # "seed" or "seed_iv": whose stored runs

# %% tags=["hide-input"]
from ufama.analysis.training_length import stored_lengths
from ufama.config import DATASETS
from ufama.pages.page import open_page
from ufama.report import training_length
from ufama.report.page_head import head

page = open_page("training_length", globals(), only=DATASETS)
every = [stored_lengths(one.data.dataset) for one in page.each_dataset()]
results = every[0].models
head(
    "Do the accuracy of UF-AMA, the order of its models and the cost of selecting the epoch depend on how long it is trained?",
    training_length.findings(every),
    evidence={"fig-length-gate": "when the gate opens", "what-each-part-adds": "the models at each length",
              "the-other-protocol-the-other-preset": "UF-AMA cross-session, and in preset released"},
    runs=[runs for one in every for runs in (one.models.runs, one.settings.runs)],
    caveat="One simulator and the folds that are compared in this book; each length has a learning rate and a share of "
    "the windows of its own, so that more than the number of steps differs between two columns.",
)

# %% [markdown]
# *Nothing is trained on this page. Cost: seconds on one core.*
#
# Most tables of this book are of trainings that are far shorter than the paper's, of a narrower network on a part of the
# windows. Whether a result would stand after a longer training is a question of its own. This page sets the lengths
# side by side whose runs are stored: the same people, folds and seeds, from the network alone (M1) over UF-AMA without
# distillation (M5) to UF-AMA (M6). Every length has columns, or a panel, of its own; no number is an average over two.
# A dash stands where a length has no such runs.
#
# The runs of scale `tenth` are in bfloat16. Models 2 to 4 and UF-AMA cross-session on SEED-IV were trained on a processor
# without AVX-512, on which products in bfloat16 are computed in float32 and rounded; all others were trained on one with
# AVX-512.
#
# ## The lengths

# %% tags=["tab-seed"]
page.show(training_length.sizes_table(results))

# %% tags=["tab-seed_iv"]
if seed_iv := page.seed_iv:
    display(seed_iv.show(training_length.sizes_table(every[1].models)))

# %% [markdown]
# ## Does the gate open?
#
# Distillation acts only where the gate is open: where the least confident trusted entry of a step still has a confidence
# of 0.9 ({doc}`screening`). A network that is trained for a short time, or on few windows, is seldom that confident.
# Where the gate stays shut, M5 and M6 are the same training.

# %% tags=["tab-seed"] mystnb={"figure": {"name": "fig-length-gate", "caption": "Share of steps with an open gate over the training, UF-AMA (M6): mean over runs, and the middle 80 % of them. One panel for each length; the horizontal axes differ."}}
page.show(training_length.gate_by_step(results))

# %% tags=["tab-seed_iv"] mystnb={"figure": {"name": "fig-length-gate-other", "caption": "The same for SEED-IV: share of steps with an open gate over the training, UF-AMA (M6), mean over runs."}}
if seed_iv:
    display(seed_iv.show(training_length.gate_by_step(every[1].models)))

# %% tags=["tab-seed"]
page.show(training_length.gate_table(results))

# %% tags=["tab-seed_iv"]
if seed_iv:
    display(seed_iv.show(training_length.gate_table(every[1].models)))

# %% [markdown]
# ## What each part adds
#
# Every model has one part more than the one before it. The last rows take several parts together.

# %% tags=["tab-seed"]
page.show(training_length.models_table(results))

# %% tags=["tab-seed_iv"]
if seed_iv:
    display(seed_iv.show(training_length.models_table(every[1].models)))

# %% tags=["tab-seed"] mystnb={"figure": {"name": "fig-length-accuracy", "caption": "Accuracy on the target over the training: the network alone, UF-AMA without distillation, and UF-AMA; mean over runs. One panel for each length; the horizontal axes differ. The labels were never in the training."}}
page.show(training_length.accuracy_by_step(results))

# %% tags=["tab-seed_iv"] mystnb={"figure": {"name": "fig-length-accuracy-other", "caption": "The same for SEED-IV: accuracy on the target over the training, mean over runs."}}
if seed_iv:
    display(seed_iv.show(training_length.accuracy_by_step(every[1].models)))

# %% [markdown]
# ## Accuracy

# %% tags=["tab-seed"]
page.show(training_length.accuracy_table(results))

# %% tags=["tab-seed_iv"]
if seed_iv:
    display(seed_iv.show(training_length.accuracy_table(every[1].models)))

# %% [markdown]
# ## The other protocol, the other preset
#
# The same lengths for UF-AMA where the target is another session of the same people, and where every choice that the
# paper leaves open is taken as in its released code ({doc}`ledger <../book/ledger>`).
# Every session of SEED shows the same films, every session of SEED-IV others: a longer training can learn the films of
# the source better, and only in SEED does the target have these films ({doc}`same_film`).

# %% tags=["tab-seed"]
page.show(training_length.settings_table(every[0].settings))

# %% tags=["tab-seed_iv"]
if seed_iv:
    display(seed_iv.show(training_length.settings_table(every[1].settings)))

# %% [markdown]
# ## What selection without labels costs
#
# The oracle looks at more epochs in a longer training, and has more readings to choose the best one from.

# %% tags=["tab-seed"]
page.show(training_length.gaps_table(results))

# %% tags=["tab-seed_iv"]
if seed_iv:
    display(seed_iv.show(training_length.gaps_table(every[1].models)))

# %% [markdown]
# ## Screening

# %% tags=["tab-seed"] mystnb={"figure": {"name": "fig-length-groups", "caption": "How screening divides the target windows of a step over the training, UF-AMA (M6): mean over runs. One panel for each length; the horizontal axes differ."}}
page.show(training_length.groups_by_step(results))

# %% tags=["tab-seed_iv"] mystnb={"figure": {"name": "fig-length-groups-other", "caption": "The same for SEED-IV: how screening divides the target windows of a step over the training, UF-AMA (M6), mean over runs."}}
if seed_iv:
    display(seed_iv.show(training_length.groups_by_step(every[1].models)))

# %% tags=["tab-seed"]
page.show(training_length.groups_table(results))

# %% tags=["tab-seed_iv"]
if seed_iv:
    display(seed_iv.show(training_length.groups_table(every[1].models)))

# %% [markdown]
# ## What this does not show
#
# - What a training of the paper's length gives, unless it is among the columns above.
# - What the number of steps does by itself: width, windows and learning rate change with it.
# - Anything about real recordings: how soon a network becomes confident depends on how hard the recordings are, and that
#   is a choice of the simulator here.
# - Anything about other methods: a method may need more steps, or fewer, than UF-AMA.
