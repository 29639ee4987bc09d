# %% [markdown]
# # Uncertainty with 15 trials

# %% tags=["parameters", "hide-input"]
dataset = "seed"  # "seed", "seed_iv", or the path of a two-modality .npz
data_root = None  # folder of your own copy; None: UFAMA_SEED / UFAMA_SEED_IV, else the simulated set
require_real = False  # True: refuse to work on simulated recordings
preset = "paper"  # "paper" or "released": which side of the ledger
scale = "quick"  # "quick" or "paper"
seeds = [0]
device = "cpu"

# %% tags=["hide-input"]
from ufama.analysis.evaluation import select
from ufama.campaigns.grids import results_grid
from ufama.pages.page import open_page
from ufama.report import certainty, findings, measured
from ufama.report.page_head import head
from ufama.studies import coverage

BESIDE_PUBLISHED = "the table of the smallest difference that is found"
page = open_page("certainty", globals())
results = page.results(results_grid(page.data, **page.choices))
across = select(results, protocol="cross_subject")
intervals, study = certainty.intervals_table(across), coverage.stored_study()
covered = {dataset: certainty.coverage_table(study, dataset) for dataset in ("seed", "seed_iv")}
head(
    "How uncertain is an accuracy from a dozen people with 15 trials in a session, and which interval says so truly?",
    [findings.certainty(intervals, covered.values())],
    evidence={"fig-intervals": "two intervals for each accuracy", "fig-coverage": "how often intervals are right"},
    runs=across.runs,
    caveat="The experiments on coverage train nothing: right and wrong trials are drawn with known probabilities.",
    left_out=page.left_out(published=BESIDE_PUBLISHED),
)

# %% [markdown]
# *Cost: under a minute on one core when the runs are stored. The coverage study is stored with the project; it takes
# about ten minutes on one core.*
#
# Neighbouring windows of a trial are nearly equal, so a trial is right or wrong as a whole. SEED has 15 trials per
# session and 12 people with both modalities: 540 outcomes, not 30 312 windows; and the 540 are of 12 people, who
# differ. Any statement about *people* rests on twelve numbers.

# %%
page.show(measured.provenance(across))

# %% [markdown]
# ## One accuracy, three intervals
#
# The *naive* interval treats windows as independent. The interval for *new people* is a hierarchical
# bootstrap: subjects are resampled, within them their sessions, and each draw's error is divided by its own standard
# error over subjects (bootstrap-t, {cite:t}`Davison1997`). It covers other people, on other days, who watch these same
# clips. Clips are shared by all subjects, so they are not resampled subject by subject; the last interval resamples
# subjects and clips, crossed ({cite:t}`Cameron2011`), and covers other clips, too.
#
# Both standard deviations are named: divided by n (population) and by n − 1 (sample). Neither is an interval.

# %%
page.show(intervals)

# %% mystnb={"figure": {"name": "fig-intervals", "caption": "Accuracy under each selection rule over windows and trials, with the naive 95 % interval and the one over subjects, on the data set of this page's parameter."}}
page.show(certainty.interval_bars(intervals, page.windows.card.title))

# %% mystnb={"figure": {"name": "fig-one-session", "caption": "Above, the recording whose accuracy is the median of all, last epoch: its windows in their order, right or wrong. Below, the accuracy of all subjects under the same rule with the two intervals. Dotted ground: simulated recordings."}}
from ufama.report import argument

page.show(argument.session_ribbon(intervals, across))

# %% [markdown]
# None of these intervals knows that the folds share most of their training people, or that a method was chosen because
# it did well on these recordings.
#
# ## Coverage: does the interval contain the true value?
#
# That can be counted where the truth is known. The experiments below have the size of the real sets and whole-trial
# errors: what person, session and clip add to the log-odds of a trial is drawn, the clips are the same for all people,
# and the true accuracy follows by quadrature. The first truth has the mean and the spreads, over subjects and within
# them, of the paper's Tables 4 and 5; the others move one thing each.

# %% mystnb={"figure": {"name": "fig-coverage", "caption": "Simulated experiments: the coverage of each kind of 95 % interval, how often it contains the true accuracy. The band reaches from 93 to 97 %."}}
page.show(certainty.coverage_dots(study))

# %% tags=["tab-seed"]
page.show(covered["seed"])

# %% tags=["tab-seed_iv"]
page.show(covered["seed_iv"])

# %% [markdown]
# Resampling subjects alone and reading off percentiles is too narrow with a dozen of them. Resampling every level and
# reading off percentiles counts the variance of trials twice, and is mostly too wide. Dividing each draw by its own
# standard error corrects both. Whether trials are resampled, too, matters little then; the default leaves them whole, a choice made
# in earlier experiments with other random numbers, which this study repeats. An interval for these clips is no
# interval for new ones: it covers *their* true accuracy less often. The crossed interval is nearer to it, and falls short
# where people or clips differ much, because a t interval does not follow the skewness of accuracies near 100 %.
#
# ## Is one model better than another?
#
# Models 1 to 6 of the ablation, paired over subjects. Sessions and seeds of a person are averaged first. The tests by
# sign flips and by Wilcoxon's signed ranks try every pattern of signs, so their smallest p depends on the number of
# people alone; the caption names it. Holm's correction counts the five comparisons.

# %%
from ufama.campaigns.grids import ablation_grid

ablation = page.results(ablation_grid(page.data, **page.choices))
page.show(certainty.paired_tests_table(ablation, rule="last"))

# %%
page.show(certainty.effect_sizes_table(ablation, rule="last"))

# %% [markdown]
# Below the paper's scale each model runs with one seed, and holds every person out once. Read those rows as an example of the table: an
# interval that contains 0 says neither that a part helps nor that it does not.
#
# ## What could have been found?
#
# The smallest mean difference that a paired t test over the people of each set finds in four of five experiments. It
# is proportional to the standard deviation, over subjects, of the paired differences, which the paper does not print.
# Two models that err at the published rates, with independent trial errors, would have the first row's standard deviation;
# models that fail on the same trials have a smaller one. The published gain of the whole method over the network
# alone is found that reliably only if it is at most the last row's. A standard deviation measured on one session per
# person is larger than one of the means of three.

# %%
each = page.each_dataset()
compared = {one.data.dataset: one.results(ablation_grid(one.data, **one.choices)) for one in each}
page.if_allowed(lambda: page.show(certainty.detectable_table(compared, rule="last")), published=BESIDE_PUBLISHED)

# %% mystnb={"figure": {"name": "fig-detectable", "caption": "The smallest difference that a paired t test over subjects finds with power 0.8, against the standard deviation of the differences; dashed: the published gain of Model 6 over Model 1."}}
page.show(certainty.detectable_lines())

# %% [markdown]
# How much of the variance lies between subjects, sessions and seeds is on the page {doc}`stability`.

# %% [markdown]
# ## What this does not show
#
# - How uncertain a number is because a method, its settings or its reported epoch were chosen on the same recordings.
# - Coverage where people or trials differ in ways that the simulated experiments do not have.
# - That two models with overlapping intervals are alike: differences are paired, and have intervals of their own.
