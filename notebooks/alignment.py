# %% [markdown]
# # Compactness and marginal alignment

# %% tags=["parameters", "hide-input"]
dataset = "seed"  # "seed", "seed_iv", or the path of a two-modality .npz
data_root = None  # folder of your own copy; None: UFAMA_SEED / UFAMA_SEED_IV, else the simulated set

# %% tags=["hide-input"]
from IPython.display import Markdown

from ufama.core import losses
from ufama.core.reference import Reference
from ufama.pages.page import open_page
from ufama.report import compactness, datasets, kernels
from ufama.report.page_head import head
from ufama.report.source import source

page = open_page("alignment", globals())
windows = page.windows
between_people = datasets.discrepancy_table(windows, subjects=5, stride=8)
head(
    "How far apart are two people, and what do the two losses ask of their features?",
    [datasets.discrepancy_finding(between_people)],
    evidence={"how-far-apart-two-people-are": "How far apart two people are"},
    caveat=f"Features of {windows.card.title} before any training; the other examples are made-up samples.",
)

# %% [markdown]
# *Sections 2.2.3 and 2.3 of the paper, Eqs. 6–10. Cost: seconds on one core. Nothing is trained on this page.*
#
# Two losses shape the features before any target window gets a label. **Compactness** uses the source's labels: windows of
# one class should point in one direction. **Marginal alignment** uses no label at all: the cloud of target windows should
# lie where the cloud of source windows lies. Both act on the three feature vectors of the {doc}`network <network>`, EEG
# and eye with weight ¼ each and the fused one with ½.

# %% [markdown]
# ## Compactness
#
# For two source windows {math}`i` and {math}`j` of one branch: do they share their class,
#
# $$
# Y_{ij} = \begin{cases} 1, & y_i = y_j \\ 0, & y_i \neq y_j , \end{cases}
# $$ (eq-6)
#
# and how similar are their features? The cosine is between −1 and 1, so half of it plus one half can be read as a
# probability:
#
# $$
# S_{ij} = \tfrac12 \cos(x_i, x_j) + \tfrac12 , \qquad \cos(x_i, x_j) = \frac{x_i^\top x_j}{\lVert x_i \rVert \, \lVert x_j \rVert} .
# $$ (eq-7)
#
# The loss is the binary cross-entropy of this probability: the similarity has to *predict* whether the class is shared.
# Over the {math}`N(N-1)` ordered pairs of a batch,
#
# $$
# \mathcal L_{\text{bce}} = -\frac{1}{N(N-1)} \sum_{i \neq j}
# \bigl[ Y_{ij} \log S_{ij} + (1 - Y_{ij}) \log(1 - S_{ij}) \bigr] .
# $$ (eq-8)
#
# The paper prints Eq. 8 without its minus sign; minimised as printed it would push windows of one class apart.

# %% tags=["remove-input"]
source(losses.same_class, losses.cosine, losses.shifted_cosine, losses.compactness)

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-pair-costs", "caption": "Eq. 8 of a batch of two windows, by the angle between their features."}}
page.show(compactness.pair_costs(len(windows.card.class_names)))

# %% [markdown]
# Only features in *opposite* directions are different enough for Eq. 8, and three or more classes cannot all be opposite
# to each other. So the loss has a floor above zero, and its pull never ends: pairs of one class cost nothing once they
# agree, pairs of different classes always cost something.

# %% tags=["hide-input"]
page.show(compactness.batches(windows))

# %% [markdown]
# Raw features all point in nearly the same direction, because differential entropy is positive in every channel and band;
# pairs of different classes look alike, and the loss is high. After scaling, the features point in many directions.
#
# ## Marginal alignment
#
# Is the cloud of target features where the cloud of source features is? Comparing the means of the two clouds would miss
# every difference in shape. So each window is first mapped by {math}`\phi` into a space with very many dimensions, in
# which the mean of a cloud holds its shape as well, and the *maximum mean discrepancy* {cite:p}`Gretton2012` is the
# distance of the two means there:
#
# $$
# \mathcal L_{\text{mmd}} = \Bigl\lVert \frac{1}{N_S} \sum_{i=1}^{N_S} \phi(x_i^S)
# - \frac{1}{N_T} \sum_{j=1}^{N_T} \phi(x_j^T) \Bigr\rVert_{\mathcal H}
# $$ (eq-9)
#
# The space {math}`\mathcal H` never appears in a computation. Squared and multiplied out, only products
# {math}`\phi(x)^\top \phi(y) = \kappa(x, y)` are left: the *kernel*, one number for two windows, which is large where they
# are near each other. The squared distance is *mean similarity within the source, plus within the target, minus twice the
# similarity between them*:
#
# $$
# \begin{aligned}
# \mathcal L_{\text{mmd}} = {}& \frac{1}{N_S^2} \sum_{i=1}^{N_S} \sum_{j=1}^{N_S} \kappa(x_i^S, x_j^S)
# + \frac{1}{N_T^2} \sum_{i=1}^{N_T} \sum_{j=1}^{N_T} \kappa(x_i^T, x_j^T) \\
# & - \frac{2}{N_S N_T} \sum_{i=1}^{N_S} \sum_{j=1}^{N_T} \kappa(x_i^S, x_j^T) ,
# \qquad \kappa = \sum_{u=0}^{K-1} k_u .
# \end{aligned}
# $$ (eq-10)
#
# Each {math}`k_u` is a Gaussian. Its width is not in the paper; in the released code there are {math}`K = 5`, and
# {math}`k_u(x, y) = \exp\bigl(-\lVert x - y \rVert^2 / (b \, 2^{u-2})\bigr)` with {math}`b` the mean squared distance of
# the pooled batch ({ref}`ledger row 12 <ledger-12>`). In plain code, both estimators ({func}`~ufama.core.mmd.mmd_quadratic`
# and {func}`~ufama.core.mmd.mmd_neighbours` compute the same without loops):

# %% tags=["remove-input"]
source(Reference._mmd)

# %% [markdown]
# Eq. 9 is the norm, Eq. 10 its square; the square is what is computed and minimised.
#
# ## Why several widths
#
# A Gaussian sees only what happens at its own scale. Two windows much nearer than its width are the same to it, two much
# farther apart are equally different whatever their distance; the loss moves a pair only where the kernel has a slope.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-kernels", "caption": "Five Gaussian kernels whose widths double around the mean squared distance of the pooled batch (here 1), and their sum. Above the values, below the slopes, which are the pull on a pair of windows at that distance."}}
page.show(kernels.kernel_curves())

# %% [markdown]
# How far apart the domains are is not known beforehand and changes while the network learns. One width would have to be
# right at every step. Each row below is one way in which a target can differ from a source; the bars say how clearly each
# width sees it.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-widths", "caption": "What each width sees: mean squared MMD of 32 source and 32 target windows with two features, less its mean for two source samples, in standard deviations of the latter (400 draws)."}}
page.show(kernels.visible_differences(kernels.visibility()))

# %% [markdown]
# The sum is never the best and never blind: it trades a little of the best width for not having to choose. In many
# dimensions the choice matters less than here, because distances of windows become nearly equal.
#
# ## Two estimators
#
# The released code estimates the same quantity from neighbouring pairs only, {math}`(i, i+1)`
# ({ref}`ledger row 11 <ledger-11>`). At a fixed bandwidth it is unbiased, it is cheaper, and much noisier: it may be
# negative.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-mmd-shift", "caption": "Both estimators on 40 pairs of Gaussian samples (32 windows, 16 features) whose means move apart. Bands hold the middle 80 % of the pairs."}}
shifted = kernels.shifted_samples()
page.show(kernels.mmd_over_shift(shifted))

# %% tags=["remove-input"]
Markdown(kernels.estimators_reading(shifted))

# %% [markdown]
# ## How far apart two people are
#
# On the recordings, before any training: the discrepancy between one person's windows and another's, raw, and after
# each subject-session has been scaled by its own range ({ref}`ledger row 25 <ledger-25>`). Scaling needs no label and no
# network.

# %% tags=["hide-input"]
page.show(between_people)

# %% [markdown]
# ## What this does not show
#
# That a smaller discrepancy makes a better classifier. Two clouds can lie on each other with the classes exchanged: MMD
# sees no labels. This is what the paper calls coarse, and why it adds {doc}`screening`.
