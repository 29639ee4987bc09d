# %% [markdown]
# # Which epoch counts

# %% tags=["parameters", "hide-input"]
dataset = "seed"  # "seed", "seed_iv", or the path of a two-modality .npz
data_root = None  # folder of your own copy; None: UFAMA_SEED / UFAMA_SEED_IV, else the simulated set
require_real = False  # True: refuse to work on simulated recordings
preset = "paper"  # "paper" or "released": which side of the ledger
scale = "quick"  # "quick" or "paper"
seeds = [0]
device = "cpu"

# %% tags=["hide-input"]
from ufama.campaigns.grids import COMPARED_PROTOCOLS, ablation_grid, results_grid
from ufama.pages.page import open_page
from ufama.report import findings, measured, selection
from ufama.report.page_head import head

page = open_page("selection", globals())
every = [one.results(results_grid(one.data, **one.choices)) for one in page.each_dataset()]
results, models = every[0], page.results(ablation_grid(page.data, **page.choices))
rules = [selection.rules_table(own) for own in every]
head(
    "What does it cost to choose the epoch without the target's labels, and does any criterion help?",
    [findings.selection(table) for table in rules],
    evidence={"accuracy-under-every-rule": "every rule beside the oracle", "fig-gaps": "what each rule loses, by model"},
    runs=[own.runs for own in every],
    caveat="The oracle looks at as many epochs as are evaluated; with more of them it gains more.",
    left_out=page.left_out(protocols=COMPARED_PROTOCOLS),
)

# %% [markdown]
# *Ledger row 21. Cost: seconds when the runs are stored; at scale `quick` some minutes on two cores.*
#
# A training passes through many epochs, and one of them is reported. Whoever picks the one with the best accuracy on the
# target has used the target's labels, which nobody has where the method is needed. This page applies nine rules to the
# same trainings. One is that *oracle*, the published convention. Two need no target at all: the *last* epoch, and the
# best one on a *source* person who was held out. Six look at the target without its labels.
#
# ## The label-free criteria
#
# Of every criterion here, higher is better. {math}`P` holds the fusion branch's probabilities, one row {math}`p_i` for
# each of {math}`n` target windows; {math}`H` is the entropy in nats.
#
# | criterion | what it measures | source |
# | --- | --- | --- |
# | entropy | {math}`-\frac1n \sum_i H(p_i)`: is the network sure? | |
# | information maximisation | {math}`H(\frac1n \sum_i p_i) - \frac1n \sum_i H(p_i)`: sure, and of every class now and then? | {cite:t}`Krause2010` |
# | BNM | {math}`\lVert P \rVert_* / n`, the nuclear norm: sure and diverse | {cite:t}`Cui2020` |
# | SND | mean entropy of a window's similarities to all others, softened at 0.05: do predictions form dense neighbourhoods? | {cite:t}`Saito2021` |
# | DEV | minus the loss on the held-out source person, weighted by how much a window looks like the target | {cite:t}`You2019` |
# | cluster agreement | adjusted mutual information of the predicted classes with as many k-means clusters of the fused features | {cite:t}`Musgrave2022` |
#
# The first three reward confidence, which this method's own loss pushes up; they were made for methods that do not train
# on their own predictions. Code: {mod}`ufama.training.criteria`; the rules: {func}`~ufama.training.selection.chosen_epochs`.

# %%
page.show(measured.provenance(results))

# %% [markdown]
# ## One training, seen by all rules

# %% mystnb={"figure": {"name": "fig-rules-see", "caption": "One cross-subject run of UF-AMA on the data set of this page's parameter, the first of its folds: accuracy on the target, and what the rules without target labels can see. A large marker is the epoch that the rule of that curve chooses."}}
page.show(selection.what_rules_see(results.history, results.runs.iloc[0]))

# %% [markdown]
# All cross-subject runs, and the epochs that each rule chooses in them:

# %% mystnb={"figure": {"name": "fig-epochs", "caption": "Accuracy over epochs and the epochs that the rules chose, one dot per run."}}
from ufama.analysis.evaluation import select
from ufama.report import figures

across = select(results, protocol="cross_subject")
page.show(figures.accuracy_over_epochs(across.history, across.runs, across.predictions))

# %% [markdown]
# ## Accuracy under every rule
#
# The last columns are what a rule loses to the oracle on the same runs. Over windows it cannot be negative. Over trials
# it can, because the oracle looks at windows.

# %% tags=["tab-seed"]
page.show(rules[0])

# %% tags=["tab-seed_iv"]
if seed_iv := page.seed_iv:
    iv_results = every[1]
    display(seed_iv.show(rules[1]))

# %% [markdown]
# ## By model
#
# The ablation's six models on the same folds. If a rule lost equally much for each of them, selecting with the oracle
# would at least leave their order alone.

# %% tags=["tab-seed"]
page.show(selection.gaps_by_model(models))

# %% tags=["tab-seed_iv"]
if seed_iv:
    iv_models = seed_iv.results(ablation_grid(seed_iv.data, **seed_iv.choices))
    display(seed_iv.show(selection.gaps_by_model(iv_models)))

# %% mystnb={"figure": {"name": "fig-gaps", "caption": "What each rule loses to the oracle, for the ablation's six models on the same folds: mean and 95 % interval."}}
page.show(selection.gaps(models))

# %% [markdown]
# ## Do the criteria follow the accuracy?
#
# A criterion is of use if its curve goes up where the target accuracy does. For each run this is one rank correlation
# over its evaluated epochs; few epochs make it noisy, so only many runs together say something. Both also rise because a
# network learns at all: the row *the epoch's number* is what a criterion has to beat, since it costs nothing.

# %% tags=["tab-seed"]
page.show(selection.correlations_table(models))

# %% tags=["tab-seed_iv"]
if seed_iv:
    display(seed_iv.show(selection.correlations_table(iv_models)))

# %% mystnb={"figure": {"name": "fig-correlations", "caption": "Rank correlation of each criterion with the target accuracy over the evaluated epochs of a run: quartiles over all runs of the ablation, one dot per run."}}
page.show(selection.correlations(models))

# %% [markdown]
# ## Why SND moves as it does
#
# SND is the mean entropy of {math}`n - 1` shares, so it is never above {math}`\log(n - 1)`, and that is what it is while
# all predictions are alike: before anything is learned. Of windows that are sure and spread evenly over {math}`C` classes
# each has {math}`n / C - 1` neighbours, so SND is about {math}`\log C` lower. A training that is looked at from its
# beginning takes this way down. That it is no fault of the code is tested: against a slow twin of the definition, and
# against the form that SND's authors released. Code: {mod}`ufama.analysis.density`.

# %%
from IPython.display import Markdown

from ufama.report import density

page.show(density.course_table(models))

# %% tags=["tab-seed"]
Markdown(density.reading(models))

# %% tags=["tab-seed_iv"]
if seed_iv:
    display(Markdown(density.reading(iv_models)))

# %% [markdown]
# Which criterion is left when the beginning does not count? The same rank correlations over either half of the evaluated
# epochs:

# %% tags=["tab-seed"]
page.show(density.halves_table(models))

# %% tags=["tab-seed_iv"]
if seed_iv:
    display(seed_iv.show(density.halves_table(iv_models)))

# %% [markdown]
# ## What the oracle's lead is made of
#
# The oracle reports the highest of several readings. Part of its lead over the last epoch is real: trainings that get
# worse towards the end should stop earlier, all of them. The rest is chosen run by run, from the same labels that the
# accuracy is then computed with. If the readings were a common curve plus independent noise, that rest would be the noise
# SD times the expected maximum of as many normal values (1.77 for sixteen, 2.97 for four hundred), although nothing was
# learned about any epoch. Neighbouring epochs are not independent, so the comparison is an orientation, not a test.

# %% tags=["tab-seed"]
page.show(selection.oracle_parts_table(results))

# %% tags=["tab-seed_iv"]
if seed_iv:
    display(seed_iv.show(selection.oracle_parts_table(iv_results)))

# %% mystnb={"figure": {"name": "fig-best-of-k", "caption": "What choosing each run's best of k epochs by the target's labels adds: expected maximum of k readings from the second half of the training, mean over runs. What all runs have in common at an epoch (the progress of the training) and what a run has at all epochs are taken away, so that nothing is left but the choice. A run that learns later than others still counts as choice."}}
page.show(selection.best_of_k_curve(results.history, results.runs))

# %% [markdown]
# ## What this does not show
#
# - What selection costs in a training of the paper's length, where 400 epochs can be looked at ({doc}`training_length`).
# - Which rule is best for another method: confidence is pushed up by this method's own loss.
# - That the last epoch is a good choice in general: it is as good as the length of training was chosen well.
