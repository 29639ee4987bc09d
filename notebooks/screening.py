# %% [markdown]
# # Screening, consistency and distillation

# %% tags=["parameters", "hide-input"]
dataset = "seed"  # "seed", "seed_iv", or the path of a two-modality .npz
data_root = None  # folder of your own copy; None: UFAMA_SEED / UFAMA_SEED_IV, else the simulated set
require_real = False  # True: refuse to work on simulated recordings
preset = "paper"  # "paper" or "released": which side of the ledger
scale = "quick"  # "quick" or "paper"
seeds = [0]
device = "cpu"

# %% tags=["hide-input"]
from ufama.analysis.calibration import branch_scores, confidences
from ufama.analysis.evaluation import select
from ufama.analysis.screening import batch_predictions, screened_batch, screened_targets
from ufama.campaigns.grids import PUBLISHED, results_grid
from ufama.config import preset as preset_of
from ufama.pages.page import open_page
from ufama.report import findings, measured, reliability
from ufama.report.page_head import head
from ufama.report.screening_sliders import ScreeningSliders

page = open_page("screening", globals())
every = [
    select(one.results(results_grid(one.data, training=PUBLISHED, **one.choices)), protocol="cross_subject")
    for one in page.each_dataset()
]
results = select(every[0], seed=page.seeds[0])
config = preset_of(page.preset, dataset=page.data.dataset)
counted = screened_targets(results, config.trusted_share)
groups = measured.screening(counted, results.runs)
calibrated = [branch_scores(confidences(own, rule="last")) for own in every]
branches = [
    reliability.reliability_table(scores, own.runs, rule="last")
    for (scores, _), own in zip(calibrated, every, strict=True)
]
labels = [reliability.pseudo_labels(own.history, own.runs) for own in every]
head(
    "Which target windows does screening keep, are their pseudo-labels right, and is confidence a reason to trust them?",
    [
        findings.screening(groups, results.runs.data_title.iloc[0]),
        *(findings.confidence(*tables) for tables in zip(branches, labels, strict=True)),
    ],
    evidence={
        "how-often-the-groups-are-right": "size and accuracy of the groups",
        "fig-reliability": "accuracy against confidence",
    },
    runs=[own.runs for own in every],
    caveat="Simulated people are confident and right as their simulator makes them. The labels that pseudo-labels are "
    "counted with were never in a training.",
)

# %% [markdown]
# *Section 2.4 of the paper, Eqs. 11–13, Fig. 3. Cost: seconds on one core when the runs are stored.*
#
# The target has no labels. What a modality's head predicts with high confidence takes the place of a label: for the
# fusion head where both modalities agree, for the other modality where only one is confident. This page sorts eight
# made-up windows by hand, and then the actual predictions of trained networks. At its end it asks what all of this
# rests on: whether confident predictions are right more often.
#
# ## Who is kept
#
# Every target window enters a *pool* twice, once for each modality: with its **confidence**
# {math}`\operatorname{Conf}_k^m = \max_c \hat Y_{k,c}^m`, the largest class probability of that modality's head, and its
# **pseudo-label** {math}`\hat P_k^m`, the class that has it. The pool is sorted by confidence, and its most confident share
# {math}`\alpha` (`trusted_share`, 0.5) is trusted:
#
# $$
# \mathcal X_{\text{high}} = \bigl\{ (Z_{i,k}^m, \hat P_{i,k}^m) \;\big|\; i \le \lceil \alpha \cdot |\mathcal X_{\text{sort}}| \rceil \bigr\} ,
# $$ (eq-11)
#
# where {math}`i` is the rank in the sorted pool {math}`\mathcal X_{\text{sort}}`, {math}`k` the window and {math}`m` the
# modality. The share is of *entries*, not of windows: a window may be trusted in both modalities, in one, or in none. That
# sorts the windows into groups:
#
# | group | trusted | use |
# | --- | --- | --- |
# | consistent, {math}`\mathcal S_{\text{cnst}}` | both, one label | the fusion head learns the label ({eq}`eq-12`) |
# | conflicting | both, two labels | dropped |
# | one modality kept (the paper: partially low-quality) | one, the *teacher* | the other modality's head may learn its label ({math}`\mathcal S_{\text{dstl}}`, {eq}`eq-13`) |
# | neither kept | none | not used |
#
# The share alone fixes something of their sizes. With one half of the entries trusted, as many windows have both entries
# kept as have neither, whatever the network predicts: at most half of all windows can be consistent.
#
# ## Eight windows by hand
#
# The probabilities below are made up, so that each group has a window. Everything else on them is computed by the functions
# that screen in a training.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-pool", "caption": "The pool of the eight made-up windows: 16 entries in the order of their confidence. Above the line the trusted half; the colour is that of the window's group, pale where this entry is not kept."}}
from IPython.display import Markdown

from ufama.core import losses, screening
from ufama.report import figures, screening_example
from ufama.report.source import source

example = screening_example.screened(config)
page.show(screening_example.pool(example))

# %% tags=["hide-input"]
page.show(screening_example.table(example))

# %% [markdown]
# Three things are worth a second look. Windows 1 and 2 are used although nobody knows whether their label is right: two
# confident heads that agree are taken for the truth. In window 6 two confident heads agree as well, and it is not used,
# because eight entries are more confident: the cut is a *rank*, not a value. In window 5 the eyes are confident, but the
# fusion head disagrees, so they teach nobody.

# %% tags=["remove-input"]
source(screening.trusted_count, screening.screen)

# %% [markdown]
# The first branch, `pool is None`, ranks a mini-batch as the released code does; preset `paper` remembers the latest
# confidences of *all* target windows and takes the cut among these ({ref}`ledger row 14 <ledger-14>`).
#
# ## What the groups are for
#
# The fusion head learns the label on which both modalities agree, {math}`P_k^F = \hat P_k^{1} = \hat P_k^{2}`, from its
# own probabilities {math}`\hat Y_{\text{cnst},k}^F` (*global consistency*; labels are one-hot vectors in the products):
#
# $$
# \mathcal L_{\text{cnst}} = -\frac{1}{|\mathcal S_{\text{cnst}}|} \sum_{k \in \mathcal S_{\text{cnst}}}
# P_k^F \log \hat Y_{\text{cnst},k}^F .
# $$ (eq-12)
#
# Where one modality {math}`m^H` is trusted and the other, {math}`m^L`, is not, the first teaches the second, provided that
# the fusion head agrees with the teacher, {math}`P_k^{m^L} = \hat P_k^{m^H} = \hat P_k^F` (*local cross-modal
# distillation*, with hard labels):
#
# $$
# \mathcal L_{\text{dstl}}^{m^L} = -\frac{1}{|\mathcal S_{\text{dstl}}|} \sum_{k \in \mathcal S_{\text{dstl}}}
# P_k^{m^L} \log \hat Y_{\text{dstl},k}^{m^L} .
# $$ (eq-13)
#
# Both students count equally. Distillation has a second condition, the **gate**: it is active only while the least
# confident trusted entry has at least {math}`\beta` (`gate_confidence`, 0.9).

# %% tags=["remove-input"]
source(losses.masked_mean, losses.consistency, losses.distillation, screening.gate_open)

# %% [markdown]
# For the eight windows:

# %% tags=["remove-input"]
Markdown(screening_example.reading(example))

# %% [markdown]
# The two thresholds pull against each other. A larger share uses more windows and lowers the confidence at the cut, until
# the gate closes:

# %% tags=["hide-input"]
page.show(screening_example.shares(config))

# %% [markdown]
# ## A trained network's batch

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-screening", "caption": "Screening of one batch of target windows (32, or all of a shorter target) with the predictions of a trained network (the paper's Fig. 3, measured). Above, the confidences of both modalities in order, the trusted half left of the cut. Below, each window by its two confidences and its group."}}
batch, threshold = screened_batch(results, config.trusted_share, size=32)
page.show(
    figures.screening_workflow(
        batch, threshold=threshold, gate=config.gate_confidence, title=page.windows.card.title
    )
)

# %% tags=["remove-input"]
Markdown(screening_example.batch_beside_all(batch, counted))

# %% [markdown]
# Move the two thresholds, and the page screens the same batch again: on the axes are the two confidences of each window,
# solid lines mark the lowest confidence that is kept, and the dashed ones the gate.

# %% tags=["hide-input"]
ScreeningSliders(
    batch_predictions(results, size=32),
    share=config.trusted_share,
    gate=config.gate_confidence,
    inclusive=config.gate_inclusive,
    title=page.windows.card.title,
)

# %% [markdown]
# ## How often the groups are right
#
# The paper does not show this; with the recordings' labels it can be counted. Here the pool is a run's whole target,
# and the probabilities are those of the last epoch, without dropout. The labels are used on this page only, never in
# training.

# %% tags=["hide-input"]
page.show(groups)

# %% [markdown]
# ## Is confidence right?
#
# Screening trusts the windows of which a modality's head is most confident, and the gate opens at a confidence of 0.9.
# Both make sense only if these are right more often. The paper does not show whether they are. With labels it can be
# counted, afterwards.

# %%
page.show(measured.provenance(every[0]))

# %% [markdown]
# ### The branches
#
# Confidence is the largest of a window's class probabilities. The windows are sorted by it and cut into ten bins of equal
# size; in each, mean confidence is set against the share that is right. On the dashed line both are equal; below it the
# branch is over-confident. The *calibration error* is the mean distance from that line {cite:p}`Guo2017`; it is never zero for
# finitely many windows. The *Brier score* {cite:p}`Brier1950` is the squared distance between probabilities and truth: it
# rewards being right as well as knowing when.

# %% tags=["tab-seed"] mystnb={"figure": {"name": "fig-reliability", "caption": "Reliability of the three branches on the target, cross-subject, last epoch; ten bins of equally many windows. Bars: middle 95 % when whole subject-sessions are resampled."}}
scores, curve = calibrated[0]
page.show(reliability.reliability_diagram(curve, scores, title=page.windows.card.title))

# %% tags=["tab-seed_iv"] mystnb={"figure": {"name": "fig-reliability-other", "caption": "Reliability of the three branches on SEED-IV, cross-subject, last epoch; ten bins of equally many windows, bars as above."}}
if seed_iv := page.seed_iv:
    iv_scores, iv_curve = calibrated[1]
    display(seed_iv.show(reliability.reliability_diagram(iv_curve, iv_scores, title=seed_iv.windows.card.title)))

# %% tags=["tab-seed"]
page.show(branches[0])

# %% tags=["tab-seed_iv"]
if seed_iv:
    display(seed_iv.show(branches[1]))

# %% [markdown]
# ### The pseudo-labels over the epochs
#
# At the end of an epoch the whole target is screened with the network of that moment. *Consistent* windows teach the
# fusion head the label on which both modalities agree. Where one modality is kept, it is the teacher of the other. Of
# *conflicting* windows both modalities are confident of different labels; screening drops them. Were it to keep them and pick
# the better of both labels each time, it would be right as often as the last row says.

# %% mystnb={"figure": {"name": "fig-pseudo-labels", "caption": "Above, how often the label of each screening group was right, over the evaluated epochs: mean over runs, shaded the middle 80 % of runs. Below, in how many runs the group held any window."}}
page.show(reliability.pseudo_labels_over_epochs(every[0].history, every[0].runs))

# %% tags=["tab-seed"]
page.show(labels[0])

# %% tags=["tab-seed_iv"]
if seed_iv:
    display(seed_iv.show(labels[1]))

# %% [markdown]
# ## What this does not show
#
# - That screening makes the trained network better: that is asked on the page {doc}`ablation`.
# - What distillation does: it acts where the gate is open, which depends on the length of training
#   ({doc}`training_length`).
# - How confident and how right networks are on real recordings: there nobody sets how hard a person is.
# - What a temperature would mend: calibration that is learnt from held-out people is on the page {doc}`new_person_trust`.
