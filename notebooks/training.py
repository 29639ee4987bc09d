# %% [markdown]
# # Training

# %% tags=["parameters", "hide-input"]
dataset = "seed"  # "seed", "seed_iv", or the path of a two-modality .npz
data_root = None  # folder of your own copy; None: UFAMA_SEED / UFAMA_SEED_IV, else the simulated set
preset = "paper"  # "paper" or "released": which side of the ledger
scale = "quick"  # "quick" or "paper"
seeds = [0]
device = "cpu"

# %% tags=["hide-input"]
from ufama.analysis.evaluation import select
from ufama.campaigns.grids import PUBLISHED, results_grid
from ufama.pages.page import open_page
from ufama.report import findings, training_length
from ufama.report.page_head import head

page = open_page("training", globals())
results = select(
    page.results(results_grid(page.data, training=PUBLISHED, **page.choices)), protocol="cross_subject"
)
gate = training_length.gate_table(results)
head(
    "What does a training minimise, and which of its parts act when?",
    [findings.training(gate)],
    evidence={"fig-timeline": "when each term acts", "fig-weights": "weights and gate in these trainings"},
    runs=results.runs,
)

# %% [markdown]
# *Section 2.5 of the paper, Eqs. 14–15, Table 2. Cost: seconds when the runs are stored, else minutes, on two cores.*
#
# The runs of this page train on every source person, as the paper's do ({ref}`ledger row 30 <ledger-30>`).
#
# ## The objective
#
# Five losses, one sum:
#
# $$
# \mathcal L_{\text{total}} = \mathcal L_{\text{cls}} + \mathcal L_{\text{bce}} + \delta \mathcal L_{\text{mmd}}
# + \theta \mathcal L_{\text{cnst}} + \gamma \mathcal L_{\text{dstl}} .
# $$ (eq-14)
#
# {math}`\mathcal L_{\text{cls}}` is the cross-entropy of the three heads on the source's labels. It, compactness and MMD
# are sums over the branches, {math}`\mathcal L = \tfrac14 \mathcal L^{\text{EEG}} + \tfrac14 \mathcal L^{\text{eye}} +
# \tfrac12 \mathcal L^{\text{fusion}}`; consistency concerns the fusion head alone, and distillation is the mean of its two
# students, {math}`\tfrac12 (\mathcal L_{\text{dstl}}^{\text{EEG}} + \mathcal L_{\text{dstl}}^{\text{eye}})`. The weight of
# consistency follows the classification loss of the current batch, as a sign of how far the training is:
#
# $$
# \theta = \begin{cases}
# 0.5, & \mathcal L_{\text{cls}} \le 0.1 \\
# 0.2, & 0.1 < \mathcal L_{\text{cls}} < 0.2 \\
# 0.1, & \text{otherwise.}
# \end{cases}
# $$ (eq-15)
#
# The paper gives no value for {math}`\delta` and {math}`\gamma`; these are the released code's
# ({ref}`ledger rows 13 <ledger-13>` and {ref}`17 <ledger-17>`).

# %% tags=["hide-input"]
from IPython.display import Markdown

from ufama.config import scale as scale_of
from ufama.core import objective
from ufama.core.reference import Reference
from ufama.methods import method
from ufama.report import figures, loss_schedule, tables
from ufama.report.source import source

source(objective.branch_mean, objective.mmd_weight, objective.consistency_weight, objective.Terms.total)

# %% [markdown]
# ## When each loss acts
#
# The labels of the source act from the first step to the last. Everything that concerns the target comes in two stages:
# first MMD brings the domains together without any label, then pseudo-labels take over. The paper says that the second
# stage starts late enough for its labels to be reliable, and not when; here it starts after epoch 10, where the released
# code halves the weight of MMD ({ref}`ledger row 19 <ledger-19>`).

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-timeline", "caption": "When each term of the objective acts: over the paper's epochs, and over those of the trainings in this book. The height of the MMD's band is its weight. Dotted lines: the stage of pseudo-labels begins; MMD ends. Hatched: distillation also needs an open gate."}}
def at_scale(name):
    """The configurations of UF-AMA and of its training at a scale."""
    whole = method("ufama").preset(page.preset, dataset=page.data.dataset, variant="M6")
    return scale_of(name).apply(whole, PUBLISHED)


config, training = at_scale(page.scale)
schedules = [
    loss_schedule.schedule(page.windows, *at_scale(name), scale=name) for name in dict.fromkeys(["paper", page.scale])
]
page.show(loss_schedule.timeline(*schedules))

# %% tags=["remove-input"]
Markdown(loss_schedule.reading(schedules[0], schedules[-1]))

# %% [markdown]
# ## One training step
#
# In the order of the code ({meth}`Trainer.step <ufama.training.trainer.Trainer.step>`,
# {meth}`Ufama.terms <ufama.methods.ufama.Ufama.terms>`), preset `paper`:
#
# ```text
# source, label <- 32 labelled windows of the source
# target, row   <- 32 windows of the target without labels; their places in it
#
# outputs = network(source and target together, dropout on)      Eqs. 2-5
#
# from the source's labels, weighted 1/4 EEG, 1/4 eye, 1/2 fusion:
#   classification = branch_mean(cross_entropy(source logits, label))
#   compactness = branch_mean(compactness(source features, label))
#                                                                Eqs. 6-8
# source against target, without labels, weighted alike:
#   mmd = branch_mean(mmd_quadratic(source features, target features))
#   delta = mmd_weight(epoch)                                    Eqs. 9-10
#
# from what the heads predict for the target, as constants:
#   probabilities = softmax(target logits)
#   theta = consistency_weight(classification)                   Eq. 15
#   memory = update_memory(memory, row, probabilities)
#   groups = screen(probabilities, trusted_share, memory)        Eq. 11
#   opened = gate_open(groups.threshold, 0.9)
#
# losses of the target:
#   consistency = consistency(fusion logits, agreed label)       Eq. 12
#   distillation = mean over both students of
#                  distillation(student logits, teacher label)   Eq. 13
#
# total = classification + compactness + delta * mmd             Eq. 14
#         + theta * consistency     from epoch fine_grained_from on
#         + gamma * distillation    from then on, where opened
# optimiser.step(total)                                          Adam
# ```
#
# The same as research code is usually written, one run and one loop at a time; tests compare it with what trains, values
# and parameters after a step ({class}`~ufama.core.reference.Reference`):

# %% tags=["remove-input"]
source(Reference.step)

# %% [markdown]
# An *epoch* is one pass over the target: as many steps as it has whole batches, each with a fresh random part of the
# source ({ref}`ledger row 20 <ledger-20>`).
#
# ## Settings

# %% tags=["hide-input"]
page.show(tables.table2(page.windows, config, training, scale=page.scale))

# %% [markdown]
# ## Loss terms
#
# Values before their weights. All five are computed in every epoch; the last two count from their stage on, and before it
# only show what they would be. A term that does not fall need not be useless: its weight may be small, or others may pull
# against it.

# %% mystnb={"figure": {"name": "fig-losses", "caption": "Every loss term before its weight, over the epochs of all cross-subject runs: mean, and the middle 80 % of runs."}}
page.show(figures.loss_curves(results.history, results.runs))

# %% [markdown]
# ## Weights and gate
#
# Whether a term matters is its value times its weight, and of distillation also how often its gate is open. The gate opens where the least confident trusted entry has 0.9;
# a network that is less confident distils nothing, and then M6 is the same training as M5.

# %% mystnb={"figure": {"name": "fig-weights", "caption": "The weight of the MMD term, the weight of consistency (zero before its stage, ledger row 19), and the share of steps in which the distillation gate was open."}}
page.show(figures.weights_and_gate(results.history, results.runs))

# %%
page.show(gate)

# %% [markdown]
# The more alike the two modalities' confidences are, the more windows have both entries kept or neither; the rest have one.
# Below, the labels of the groups against the truth: the training never sees this.

# %% mystnb={"figure": {"name": "fig-groups", "caption": "Above, how screening divided the target windows of a step, over epochs, mean over runs. Below, how often its pseudo-labels were right when the whole target was screened at the end of an epoch; the labels for this were never in the training."}}
page.show(figures.screening_groups(results.history, results.runs))

# %% [markdown]
# ## What this does not show
#
# - How the curves would go on: where a loss still falls at the last epoch, the training was stopped early.
# - Which epoch counts: rules that choose one are on the page {doc}`selection`.
# - What each term is worth: terms act together, and a small loss is no small effect ({doc}`ablation`).
# - How real recordings train.
