# %% [markdown]
# # Compactness and marginal alignment
#
# *Sections 2.2.3 and 2.3 of the paper, Eqs. 6–10. Cost: seconds. Nothing is trained on this page.*

# %% tags=["parameters"]
dataset = "seed"  # "seed", "seed_iv", or the path of a two-modality .npz
data_root = None  # folder of your own copy; None: UFAMA_SEED / UFAMA_SEED_IV, else the simulated set

# %% tags=["hide-input"]
from ufama.pages.page import open_page

page = open_page("alignment", globals())
windows = page.windows

# %% [markdown]
# ## Compactness
#
# For two source windows of one branch, say whether they share their class and how similar their features are:
#
# $$
# Y_{ij} = \begin{cases} 1, & y_i = y_j \\ 0, & y_i \neq y_j \end{cases}
# $$ (eq-6)
#
# $$
# S_{ij} = \tfrac12 \cos(x_i, x_j) + \tfrac12
# $$ (eq-7)
#
# and ask the similarity to predict the indicator:
#
# $$
# \mathcal L_{\text{bce}} = -\frac{1}{N(N-1)} \sum_{i \neq j}
# \bigl[ Y_{ij} \log S_{ij} + (1 - Y_{ij}) \log(1 - S_{ij}) \bigr] .
# $$ (eq-8)
#
# The paper prints Eq. 8 without its minus sign; minimised as printed it would push windows of one class apart. Code:
# {func}`~ufama.core.losses.same_class`, {func}`~ufama.core.losses.shifted_cosine`,
# {func}`~ufama.core.losses.compactness`.

# %%
import numpy as np
import torch

from ufama.core import losses
from ufama.data.folds import scaled

prepared = scaled(windows, "subject_session_minmax")
draw = np.random.default_rng(0)
batch = draw.choice(np.flatnonzero(windows.session == 1), 32, replace=False)
label = torch.as_tensor(windows.label[batch])[None]


def features(table):
    return torch.as_tensor(table.eeg[batch]).flatten(1).double()[None]  # (R = 1, N, D)


gathered = torch.nn.functional.one_hot(label, len(windows.card.class_names)).double()
{
    "32 windows, raw features": round(losses.compactness(features(windows), label).item(), 2),
    "scaled per subject-session": round(losses.compactness(features(prepared), label).item(), 2),
    "scaled, classes drawn at random": round(
        losses.compactness(features(prepared), label[:, draw.permutation(32)]).item(), 2
    ),
    "one direction per class": round(losses.compactness(gathered, label).item(), 2),
}

# %% [markdown]
# Raw features all point in nearly the same direction, so pairs of different classes look alike and the loss is high.
# Scaled features point in many directions and the loss is near {math}`\log 2 = 0.69`, which every pair costs when all
# features are orthogonal. With one direction per class, pairs of one class cost nothing and pairs of different classes
# still {math}`\log 2`, because orthogonal features have {math}`S = \tfrac12`. Eq. 8 is only content when different
# classes point in *opposite* directions, which three or more classes cannot all do.
#
# ## Marginal alignment
#
# The maximum mean discrepancy is the distance between the two domains' mean embeddings in the feature space of a kernel,
#
# $$
# \mathcal L_{\text{mmd}} = \Bigl\lVert \frac{1}{N_S} \sum_{i} \phi(x_i^S)
# - \frac{1}{N_T} \sum_{j} \phi(x_j^T) \Bigr\rVert_{\mathcal H}
# $$ (eq-9)
#
# and its square expands into kernel values alone, with {math}`\kappa` a sum of Gaussians of several widths:
#
# $$
# \mathcal L_{\text{mmd}} = \frac{1}{N_S^2} \sum_{i,j} \kappa(x_i^S, x_j^S)
# + \frac{1}{N_T^2} \sum_{i,j} \kappa(x_i^T, x_j^T)
# - \frac{2}{N_S N_T} \sum_{i,j} \kappa(x_i^S, x_j^T) .
# $$ (eq-10)
#
# Code: {func}`~ufama.core.mmd.mmd_quadratic`. Eq. 9 shows the norm, Eq. 10 its square; the square is what is computed.

# %% mystnb={"figure": {"name": "fig-kernels", "caption": "Five Gaussian kernels, their widths doubling around the mean squared distance of the pooled batch (here 1), and their sum."}}
import pandas as pd

from ufama.core.mmd import gaussian_kernels, mmd_neighbours, mmd_quadratic
from ufama.report import figures

distance = torch.linspace(0, 4, 200, dtype=torch.float64)
one = torch.ones(1, dtype=torch.float64)
curves = {f"width × {2.0**u:g}": torch.exp(-(distance**2) / 2.0**u) for u in range(-2, 3)}
curves["sum"] = gaussian_kernels(distance[None] ** 2, one, 5)[0]
page.show(
    figures.kernel_curves(
        pd.concat(pd.DataFrame({"distance": distance, "kernel": name, "value": value}) for name, value in curves.items())
    )
)

# %% [markdown]
# The released code estimates the same quantity from neighbouring pairs only, {math}`(i, i+1)`
# ({func}`~ufama.core.mmd.mmd_neighbours`, ledger row 11). At a fixed bandwidth it is unbiased, it is
# cheaper, and much noisier: it may be negative.

# %% mystnb={"figure": {"name": "fig-mmd-shift", "caption": "Both estimators on 40 pairs of Gaussian samples (32 windows, 16 features) whose means move apart. Bands hold the middle 80 % of the pairs."}}
rows = []
for shift in np.linspace(0, 2, 9):
    source, target = torch.as_tensor(draw.normal(size=(2, 40, 32, 16)))
    for name, estimate in (("quadratic (Eq. 10)", mmd_quadratic), ("neighbouring pairs", mmd_neighbours)):
        values = estimate(source, target + shift / 4)
        rows.append(pd.DataFrame({"shift": shift, "estimator": name, "mmd": values.numpy()}))
page.show(figures.mmd_over_shift(pd.concat(rows)))

# %% [markdown]
# ## How far apart two people are
#
# On the recordings, before any training: the discrepancy between one person's windows and another's, raw, and after
# each subject-session has been scaled by its own range (ledger row 25). Scaling alone removes most of it, without a
# label and without a network.

# %%
from ufama.report import datasets

page.show(datasets.discrepancy_table(windows, subjects=5, stride=8))
