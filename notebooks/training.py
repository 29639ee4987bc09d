# %% [markdown]
# # Training
#
# *Section 2.5 of the paper, Eqs. 14–15, Table 2. Cost: seconds when the runs are stored, else minutes.*

# %% tags=["parameters"]
dataset = "seed"  # "seed", "seed_iv", or the path of a two-modality .npz
data_root = None  # folder of your own copy; None: UFAMA_SEED / UFAMA_SEED_IV, else the simulated set
preset = "paper"  # "paper" or "released": which side of the ledger
scale = "quick"  # "quick" or "paper"
seeds = [0]
device = "cpu"

# %% tags=["hide-input"]
from ufama.pages.page import open_page

page = open_page("training", globals())

# %% [markdown]
# ## The objective
#
# $$
# \mathcal L_{\text{total}} = \mathcal L_{\text{cls}} + \mathcal L_{\text{bce}} + \delta \mathcal L_{\text{mmd}}
# + \theta \mathcal L_{\text{cnst}} + \gamma \mathcal L_{\text{dstl}}
# $$ (eq-14)
#
# Classification, compactness and MMD weigh the branches EEG ¼, eye ¼, fusion ½. The weight of consistency follows the
# classification loss of the current batch:
#
# $$
# \theta = \begin{cases}
# 0.5, & \mathcal L_{\text{cls}} \le 0.1 \\
# 0.2, & 0.1 < \mathcal L_{\text{cls}} < 0.2 \\
# 0.1, & \text{otherwise}
# \end{cases}
# $$ (eq-15)
#
# Code: {meth}`~ufama.core.objective.Terms.total`, {func}`~ufama.core.objective.consistency_weight`,
# {func}`~ufama.core.objective.mmd_weight`. The paper gives no value for {math}`\delta` and {math}`\gamma`; these are the
# released code's, where {math}`\delta` falls to nothing after epoch 40 of 400 and {math}`\gamma` is 0.00001 (ledger rows
# 13 and 17).
#
# ## Settings

# %%
from ufama.config import TrainingConfig, scale as scale_of
from ufama.methods import method
from ufama.report import tables

config, training = scale_of(page.scale).apply(
    method("ufama").preset(page.preset, dataset=page.data.dataset, variant="M6"), TrainingConfig()
)
page.show(tables.table2(page.windows, config, training, scale=page.scale))

# %%
from ufama.campaigns.grids import results_grid
from ufama.analysis.evaluation import select

results = page.results(results_grid(page.data, **page.choices))
results = select(results, protocol="cross_subject")
f"{len(results.runs)} runs, {results.runs.data_title[0]}, scale {page.scale}, preset {page.preset}, seeds {', '.join(map(str, page.seeds))}"

# %% [markdown]
# ## Loss terms

# %% mystnb={"figure": {"name": "fig-losses", "caption": "Every loss term before its weight, over the epochs of all cross-subject runs: mean, and the middle 80 % of runs."}}
from ufama.report import figures

page.show(figures.loss_curves(results.history, results.runs))

# %% [markdown]
# ## Weights and gate
#
# Whether a term matters is its value times its weight. The gate asks for a confidence of 0.9 at the trusted share's
# position; a network that is not that sure distils nothing.

# %% mystnb={"figure": {"name": "fig-weights", "caption": "The weight of the MMD term, the weight of consistency (zero before its stage, ledger row 19), and the share of steps in which the distillation gate was open."}}
page.show(figures.weights_and_gate(results.history, results.runs))

# %% mystnb={"figure": {"name": "fig-groups", "caption": "Above, how screening divided the target windows of a step, over epochs, mean over runs. Below, how often its pseudo-labels were right when the whole target was screened at the end of an epoch; the labels for this were never in the training."}}
page.show(figures.screening_groups(results.history, results.runs))

# %% [markdown]
# ## Which epoch counts
#
# Three rules look at the same training. `oracle` takes the epoch with the highest accuracy on the *target's labels*, as
# the released code does; nobody who needs the method has those. `last` takes the last epoch. `source_validation` takes
# the best epoch on one source person held out of the training.

# %% mystnb={"figure": {"name": "fig-epochs", "caption": "Accuracy over epochs and the epochs that the rules chose, one dot per run."}}
page.show(figures.accuracy_over_epochs(results.history, results.runs, results.predictions))
