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
import numpy as np
import pandas as pd
import torch

from ufama.config import preset as preset_of
from ufama.core.screening import screen
from ufama.report import figures
from ufama.analysis.evaluation import probabilities

config = preset_of(page.preset, dataset=page.data.dataset)


def modality_probabilities(predictions):
    stacked = np.stack([probabilities(predictions, branch) for branch in ("eeg", "eye")], axis=1)
    return torch.as_tensor(stacked)[None]  # (R = 1, N, 2, C)


def groups(screening):
    named = {
        "consistent": screening.consistent,
        "conflicting": screening.conflicting,
        "partly_low": screening.eeg_teaches | screening.eye_teaches,
    }
    return np.select([mask[0].numpy() for mask in named.values()], list(named), "unused")


last = results.predictions[results.predictions.rule == "last"]
first = last[last.digest == results.runs.digest[0]].reset_index(drop=True)
batch = first.iloc[np.sort(np.random.default_rng(0).choice(len(first), 32, replace=False))]
modalities = modality_probabilities(batch)
screening = screen(modalities, config.trusted_share)
confidence = modalities[0].max(-1).values.numpy()
page.show(
    figures.screening_workflow(
        pd.DataFrame(
            {"eeg_confidence": confidence[:, 0], "eye_confidence": confidence[:, 1], "group": groups(screening)}
        ),
        threshold=screening.threshold.item(),
        gate=config.gate_confidence,
        title=page.windows.card.title,
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

rows = []
for digest, own in last.groupby("digest", sort=False):
    screened = screen(modality_probabilities(own), config.trusted_share)
    label, kept = own.label.to_numpy(), screened.kept[0].numpy()
    pseudo = screened.pseudo_label[0].numpy()
    teacher = np.where(kept[:, 0], pseudo[:, 0], pseudo[:, 1])
    rows.append(
        pd.DataFrame(
            {"digest": digest, "group": groups(screened), "right": teacher == label, "trusted": kept.any(1)}
        )
    )
counted = pd.concat(rows, ignore_index=True)
page.show(measured.screening(counted, results.runs))
