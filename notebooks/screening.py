# %% [markdown]
# # Screening, consistency and distillation
#
# *Section 2.4 of the paper, Eqs. 11–13, Fig. 3. Cost: seconds when the runs are stored.*
#
# The target has no labels. What a modality's head is sure of becomes its label: sometimes for the fusion head, sometimes
# for the other modality. This page takes a trained network's real predictions on a real target and sorts them.

# %% tags=["parameters"]
dataset = "seed"  # "seed", "seed_iv", or the path of a two-modality .npz
data_root = None  # folder of your own copy; None: UFAMA_SEED / UFAMA_SEED_IV, else the simulated set
preset = "paper"  # "paper" or "released": which side of the ledger
scale = "quick"  # "quick" or "paper"
seeds = [0]
device = "cpu"

# %% tags=["hide-input"]
from ufama.pages.page import open_page

page = open_page("screening", globals())

# %%
from ufama.campaigns.grids import results_grid
from ufama.analysis.evaluation import select

results = page.results(results_grid(page.data, **page.choices))
results = select(results, protocol="cross_subject", seed=page.seeds[0])
f"{len(results.runs)} runs, {results.runs.data_title[0]}, scale {page.scale}, preset {page.preset}, seed {page.seeds[0]}"

# %% [markdown]
# ## Who is kept
#
# Every target window enters the pool twice, once per modality, with its confidence (the largest class probability) and
# its pseudo-label (that class). The most confident share of the pool is trusted:
#
# $$
# \mathcal X_{\text{high}} = \bigl\{ (Z_{i,k}^m, \hat P_{i,k}^m) \;\big|\; i \le \lceil \alpha \cdot |\mathcal X_{\text{sort}}| \rceil \bigr\} .
# $$ (eq-11)
#
# Code: {func}`~ufama.core.screening.screen`; {math}`\alpha` is called `trusted_share` there. Then each window falls into
# one group: *consistent* (both modalities kept, same pseudo-label), *conflicting* (both kept, different), *partly low*
# (one kept: the teacher), or unused.

# %% mystnb={"figure": {"name": "fig-screening", "caption": "Screening of one batch of 32 target windows by a trained network (the paper's Fig. 3 on real values). Above, the 64 confidences in order, the trusted half left of the cut. Below, each window by its two confidences and its group."}}
from ufama.analysis.screening import screened_batch, screened_targets
from ufama.config import preset as preset_of
from ufama.report import figures

config = preset_of(page.preset, dataset=page.data.dataset)
batch, threshold = screened_batch(results, config.trusted_share, size=32)
page.show(
    figures.screening_workflow(
        batch, threshold=threshold, gate=config.gate_confidence, title=page.windows.card.title
    )
)

# %% [markdown]
# ## What the groups are for
#
# The fusion head learns the label on which both modalities agree,
#
# $$
# \mathcal L_{\text{cnst}} = -\frac{1}{|\mathcal S_{\text{cnst}}|} \sum_{k \in \mathcal S_{\text{cnst}}}
# P_k^F \log \hat Y_k^F ,
# $$ (eq-12)
#
# and where one modality is sure and the other is not, the sure one teaches the other, provided that the fusion head
# agrees with the teacher:
#
# $$
# \mathcal L_{\text{dstl}}^{m} = -\frac{1}{|\mathcal S_{\text{dstl}}|} \sum_{k \in \mathcal S_{\text{dstl}}}
# P_k^{m} \log \hat Y_k^{m} .
# $$ (eq-13)
#
# Distillation is active only when the least confident trusted entry still reaches the gate (0.9). Code:
# {func}`~ufama.core.losses.consistency`, {func}`~ufama.core.losses.distillation`.
#
# ## How often the groups are right
#
# The paper does not show this; with the recordings' labels it can be counted. Here the pool is a run's whole target,
# and the probabilities are those of the last epoch, without dropout. The labels are used on this page only, never in
# training.

# %%
from ufama.report import measured

page.show(measured.screening(screened_targets(results, config.trusted_share), results.runs))
