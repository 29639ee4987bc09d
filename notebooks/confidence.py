# %% [markdown]
# # Calibration: is confidence right?

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
from ufama.campaigns.grids import results_grid
from ufama.pages.page import open_page
from ufama.report import findings, measured, reliability
from ufama.report.page_head import head

page = open_page("confidence", globals())
every = [
    select(one.results(results_grid(one.data, **one.choices)), protocol="cross_subject") for one in page.each_dataset()
]
results, calibrated = every[0], [branch_scores(confidences(own, rule="last")) for own in every]
branches = [
    reliability.reliability_table(scores, own.runs, rule="last")
    for (scores, _), own in zip(calibrated, every, strict=True)
]
labels = [reliability.pseudo_labels(own.history, own.runs) for own in every]
head(
    "Are confident predictions right, as screening and its gate assume?",
    [findings.confidence(*tables) for tables in zip(branches, labels, strict=True)],
    evidence={"fig-reliability": "accuracy against confidence", "fig-pseudo-labels": "pseudo-labels over epochs"},
    runs=[own.runs for own in every],
    caveat="The labels that this is counted with were never in a training.",
)

# %% [markdown]
# *Section 2.4 of the paper rests on it. Cost: seconds when the runs are stored.*
#
# Screening trusts the windows of which a modality's head is most confident, and the gate opens at a confidence of 0.9.
# Both make sense only if these are right more often. The paper does not show whether they are. With labels it can be
# counted, afterwards: nothing on this page enters a training.

# %%
page.show(measured.provenance(results))

# %% [markdown]
# ## The branches
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
# ## The pseudo-labels
#
# At the end of an epoch the whole target is screened with the network of that moment. *Consistent* windows teach the
# fusion head the label on which both modalities agree. Where one modality is kept, it is the teacher of the other. Of
# *conflicting* windows both modalities are confident of different labels; screening drops them. Were it to keep them and pick
# the better of both labels each time, it would be right as often as the last row says.

# %% mystnb={"figure": {"name": "fig-pseudo-labels", "caption": "Above, how often the label of each screening group was right, over the evaluated epochs: mean over runs, shaded the middle 80 % of runs. Below, in how many runs the group held any window."}}
page.show(reliability.pseudo_labels_over_epochs(results.history, results.runs))

# %% tags=["tab-seed"]
page.show(labels[0])

# %% tags=["tab-seed_iv"]
if seed_iv:
    display(seed_iv.show(labels[1]))

# %% [markdown]
# ## What this does not show
#
# - How confident and how right networks are on real recordings: there nobody sets how hard a person is.
# - What a temperature would mend: calibration that is learnt from held-out people is on the page {doc}`new_person_trust`.
# - Whether screening by confidence helps the training ({doc}`ablation`).
