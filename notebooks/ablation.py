# %% [markdown]
# # Ablation
#
# *Table 7. Cost: seconds when the runs are stored; at scale `quick` some minutes on two cores, at scale `paper` hours
# there or minutes on a GPU.*
#
# Six models, each adding one part to the one before: M1 the network, M2 compactness, M3 MMD, M4 consistency on all
# target windows, M5 screening, M6 distillation. M4's pseudo-label is not defined in the paper; here it is the class with
# the highest mean probability of the two modality heads (ledger row 28).
#
# Below the paper's scale the models run on nine folds, three of each session, so that the page can be recomputed in
# minutes. They train on every source person, as the paper's ({ref}`ledger row 30 <ledger-30>`); the same models with a
# person held out for the choice of the epoch are on the page {doc}`selection`.

# %% tags=["parameters"]
dataset = "seed"  # "seed", "seed_iv", or the path of a two-modality .npz
data_root = None  # folder of your own copy; None: UFAMA_SEED / UFAMA_SEED_IV, else the simulated set
require_real = False  # True: refuse to work on simulated recordings
preset = "paper"  # "paper" or "released": which side of the ledger
scale = "quick"  # "quick" or "paper"
seeds = [0]
device = "cpu"

# %% tags=["hide-input"]
from ufama.pages.page import open_page

page = open_page("ablation", globals())

# %%
from ufama.campaigns.grids import PUBLISHED, ablation_grid
from ufama.report import measured, tables

results = page.results(ablation_grid(page.data, training=PUBLISHED, **page.choices))
page.show(measured.provenance(results))

# %%
page.show(tables.table7(results, page.data.dataset))

# %% mystnb={"figure": {"name": "fig-ablation", "caption": "Models 1 to 6 on the data set of this page's parameter: published, and measured under two selection rules. Bars reach one population SD over runs."}}
from ufama.report import figures
from ufama.analysis.evaluation import accuracy, summary
from ufama.analysis.paper import published

facts = published("table7_ablation")
page.show(
    figures.ablation(
        summary(accuracy(results), ["variant", "rule"]),
        facts[facts.dataset == page.data.dataset],
        title=page.windows.card.title,
    )
)

# %% [markdown]
# Distillation counts only where the gate is open and after its stage has begun. Where it never was, M5 and M6 are the
# same training up to the last bits, which depend on the runs that train beside it. A last bit can decide which window is
# kept, and from there two trainings part. A difference between the rows of M5 and M6 then measures this numerical noise
# and not distillation.

# %%
gate = results.history.dropna(subset="gate_open").groupby("digest").gate_open.mean()
f"mean share of steps with an open gate, over the {len(gate)} screened runs: {gate.mean():.3f}"

# %% [markdown]
# ## SEED-IV
#
# The same table for SEED-IV. With `-p dataset seed_iv` it stands above instead.

# %%
if seed_iv := page.seed_iv:
    iv_results = seed_iv.results(ablation_grid(seed_iv.data, training=PUBLISHED, **seed_iv.choices))
    display(seed_iv.show(tables.table7(iv_results, "seed_iv")))

# %% [markdown]
# ## Step by step
#
# The difference each part makes on the same folds, and how many folds it helped. Read each change beside its SD: nothing
# here is tested for significance.

# %%
page.show(measured.ablation_steps(results))
