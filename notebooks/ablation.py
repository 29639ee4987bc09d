# %% [markdown]
# # Ablation

# %% tags=["parameters", "hide-input"]
dataset = "seed"  # "seed", "seed_iv", or the path of a two-modality .npz
data_root = None  # folder of your own copy; None: UFAMA_SEED / UFAMA_SEED_IV, else the simulated set
require_real = False  # True: refuse to work on simulated recordings
preset = "paper"  # "paper" or "released": which side of the ledger
scale = "quick"  # "quick" or "paper"
seeds = [0]
device = "cpu"

# %% tags=["hide-input"]
from ufama.campaigns.grids import PUBLISHED, ablation_grid
from ufama.pages.page import open_page
from ufama.report import findings, measured, tables, training_length
from ufama.report.page_head import head

page = open_page("ablation", globals())
every = [one.results(ablation_grid(one.data, training=PUBLISHED, **one.choices)) for one in page.each_dataset()]
results, sets = every[0], [one.data.name for one in page.each_dataset()]
held_out = [one.results(ablation_grid(one.data, **one.choices)) for one in page.each_dataset()]
by_rule = [tables.under_each_rule(tables.table7, *own) for own in zip(every, held_out, sets, strict=True)]
head(
    "How much does each part of UF-AMA add to the network alone?",
    [
        findings.ablation(tables.table7(own, name), measured.ablation_steps(own), training_length.gate_table(own))
        for own, name in zip(every, sets, strict=True)
    ],
    evidence={"fig-ablation": "the six models, published and measured", "step-by-step": "what each part adds"},
    runs=[own.runs for own in (*every, *held_out)],
    caveat="Each part is added once, in the paper's order: what it adds may depend on the parts before it.",
)

# %% [markdown]
# *Table 7. Cost: seconds when the runs are stored; at scale `quick` some minutes on two cores, at scale `paper` hours
# there ({doc}`cost`).*
#
# Six models, each adding one part to the one before: M1 the network, M2 compactness, M3 MMD, M4 consistency on all
# target windows, M5 screening, M6 distillation. M4's pseudo-label is not defined in the paper; here it is the class with
# the highest mean probability of the two modality heads (ledger row 28).
#
# Below the paper's scale every person is held out once, in one of the sessions, so that the page can be recomputed in
# minutes. The models train on every source person, as the paper's ({ref}`ledger row 30 <ledger-30>`). The tabs of the
# first table are the rules by which the epoch is chosen: *last epoch* is no choice, *oracle* reads the labels of the
# target, and for *source validation* the same models were trained with a source person held out, by whom it chooses
# ({doc}`selection`).

# %%
from ufama.campaigns.results import Results

page.show(measured.provenance(Results.concat([results, held_out[0]])))

# %% tags=["tab-seed", "tab-last"]
page.show(by_rule[0]["last"])

# %% tags=["tab-seed", "tab-source_validation"]
page.show(by_rule[0]["source_validation"])

# %% tags=["tab-seed", "tab-oracle"]
page.show(by_rule[0]["oracle"])

# %% tags=["tab-seed_iv", "tab-last"]
if seed_iv := page.seed_iv:
    display(seed_iv.show(by_rule[1]["last"]))

# %% tags=["tab-seed_iv", "tab-source_validation"]
if seed_iv:
    display(seed_iv.show(by_rule[1]["source_validation"]))

# %% tags=["tab-seed_iv", "tab-oracle"]
if seed_iv:
    display(seed_iv.show(by_rule[1]["oracle"]))

# %% mystnb={"figure": {"name": "fig-ablation", "caption": "Models 1 to 6 on the data set of this page's parameter: published on the left, measured on the right under two selection rules. Bars reach one population SD over runs, at most to 100 %. Dotted ground: simulated recordings."}}
from ufama.report import figures
from ufama.analysis.evaluation import accuracy, summary
from ufama.analysis.paper import published

facts = published("table7_ablation")
page.show(
    figures.ablation(
        summary(accuracy(results), ["variant", "rule"]),
        facts[facts.dataset == page.data.name],
        title=page.windows.card.title,
    )
)

# %% [markdown]
# Distillation counts only where the gate is open and after its stage has begun. Where the gate never opens, M5 and M6 are
# the same training, to the last bit. How the opening depends on the length of training is on the page
# {doc}`training_length`.

# %% tags=["tab-seed"]
page.show(training_length.gate_table(results))

# %% tags=["tab-seed_iv"]
if seed_iv:
    display(seed_iv.show(training_length.gate_table(every[1])))

# %% [markdown]
# ## Step by step
#
# The difference each part makes on the same folds, and how many folds it helped. Read each change beside its SD: nothing
# here is tested for significance.

# %% tags=["tab-seed"]
page.show(measured.ablation_steps(results))

# %% tags=["tab-seed_iv"]
if seed_iv:
    display(seed_iv.show(measured.ablation_steps(every[1])))

# %% mystnb={"figure": {"name": "fig-where-points-come-from", "caption": "Mean accuracy over subjects, cross-subject, last epoch: what each part adds to those before it, and at the right what choosing the epoch of the last model with the labels of the test adds. Grey: the smallest difference from the network alone that so many subjects show with a probability of 80 % (paired t, level 0.05, SD of M6 − M1). Dotted ground: simulated recordings."}}
from ufama.report import argument

page.show(
    argument.waterfall(
        argument.steps_to_the_oracle(results),
        title=page.windows.card.title,
        rule="last",
        smallest=argument.smallest_difference(results),
    )
)

# %% [markdown]
# ## What this does not show
#
# - What each part adds on real recordings, or after a training of the paper's length ({doc}`training_length`).
# - What a part adds in another order, or alone: every model has all parts of the one before.
# - That a part which adds nothing here is of no use: with so few people a small gain cannot be told from none
#   ({doc}`certainty`).
