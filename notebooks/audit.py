# %% [markdown]
# # What the published tables say

# %% tags=["parameters", "hide-input"]
dataset = "seed"  # "seed" or "seed_iv": whose values are listed one by one; the other tables show both sets

# %% tags=["hide-input"]
from IPython.display import Markdown

from ufama.config import DATASETS
from ufama.pages.page import open_page
from ufama.report import audit_tables as tables
from ufama.report import findings
from ufama.report.lists import listed
from ufama.report.page_head import head

page = open_page("audit", globals(), only=DATASETS)
window_counts = tables.window_counts()
head(
    "What do the published tables say beyond their numbers?",
    findings.published_windows(window_counts),
    evidence={"fig-audit-windows": "matches for every number of windows", "fig-audit-trials": "sums of whole trials"},
    caveat="Real recordings, published by others: every number was transcribed from the paper by hand. Nothing is "
    "measured or trained on this page. A pattern has no cause by itself.",
)

# %% [markdown]
# *Tables 3 to 7 of the paper. Cost: seconds on one core; no training, no recordings.*
#
# Every number on this page is computed from numbers that the paper prints, transcribed by hand into small CSV files.
# Nothing here was measured by this project. A printed accuracy is a share of whole windows, a printed standard
# deviation has one of a few definitions, and two rows of a table are either independent or not; so a table says more
# than its numbers. What follows is arithmetic, with the expectation of chance beside each result. None of it says why
# a number is as it is.

# %% [markdown]
# ## The windows are four seconds long
#
# An accuracy over $n$ windows is $k/n$ for a whole number $k$. Printed to two decimals it takes one of $n + 1$ values,
# so a table reveals its $n$ as long as $n$ is well below ten thousand: the granularity test that
# {cite:t}`Brown2017` proposed for means. SEED's 15 clips hold 842 whole windows of 4 s and 3394 of 1 s; the sessions
# of SEED-IV hold 851, 832 and 822 of 4 s, and section 3.2 of the paper states 3435, 3364 and 3324.
#
# Chance is counted locally. For a value between 93 and 94 it is the share of the printable values 93.00, 93.01, ...,
# 93.99 that are $k/n$: 8 or 9 in 100 for $n = 842$. The probability $p$ of at least as many matches is exact under
# that null (Poisson-binomial), over distinct values.

# %%
window_counts

# %% [markdown]
# Counting the perfect ones, all 36 UF-AMA values of Table 4 are $k/842$; of Table 5, 15 of 15 are $k/851$ (session 1),
# 15 of 15 $k/832$ (session 2) and 14 of 15 $k/822$ (session 3). The one that is not is 71.61: $588/822$ is 71.53 and
# $589/822$ is 71.65. Against the counts of 1-s windows no row has more matches than chance explains. So these
# accuracies were computed on 4-s windows, as section 2.1 says. The rows of the two other methods fit neither count, and
# no single $n$ of the range below fits all of either. That is what rows look like that were averaged over several runs,
# recomputed, rescaled or transcribed with an error; which of these it was cannot be seen in the table, and the authors
# were not asked.
#
# No list of candidates is needed. The next figure asks every $n$ from 200 to 3600.

# %% mystnb={"figure": {"name": "fig-audit-windows", "caption": "Published numbers, transcribed from the paper: how many of UF-AMA's accuracies below 100.00 in Tables 4 and 5 are k/n to two decimals, for every n from 200 to 3600 (dots), beside the number expected by chance (line). SEED: 17 values of three sessions; SEED-IV: 13 values per session."}}
from ufama.report import audit_figures as figures

page.show(figures.matches_by_windows())

# %% [markdown]
# 842 is the smallest $n$ that fits all 17 values of SEED, and only its multiples fit them as well. In SEED-IV the same
# holds for 851 and 832. In session 3 no $n$ below 2466 fits all 13; $2466 = 3 \cdot 822$, and a multiple of 822 fits
# the other 12 in any case.
#
# ## Errors come in whole trials
#
# The $n - k$ wrong windows of an accuracy can be compared with the trials' lengths. SEED's 15 trials are 58, 58, 51,
# 59, 46, 48, 59, 54, 66, 59, 58, 58, 58, 59 and 51 windows long. The table lists the fewest whole trials that sum to
# each count.

# %%
tables.trial_sums(page.data.dataset)

# %% [markdown]
# With many trials nearly every large count is a sum of some of them, so a decomposition alone is no evidence. The last
# column says how often a count near this one is a sum of so few trials. For 58 wrong windows that is one in eight; for
# 272 it is four in five.

# %% mystnb={"figure": {"name": "fig-audit-trials", "caption": "Published numbers, transcribed from the paper: the wrong windows behind UF-AMA's distinct accuracies below 100.00 (triangles; 4× means printed four times) against all counts that are sums of whole trials (strokes). Above, SEED: 17 values of three sessions, which share their 15 trials. Below, the first session of SEED-IV: 13 values, 24 shorter trials."}}
page.show(figures.whole_trial_sums())

# %% [markdown]
# Whether so many decompositions are more than chance depends on what chance may do. The null here keeps every count
# about where it is: uniform within half a mean trial to each side. Two other notions of near are shown, because the
# choice matters.

# %%
tables.trial_tests()

# %% [markdown]
# In SEED all 11 distinct values are whole trials where three to six would be by chance. Taken with the fewest trials,
# 30 of the 540 trials are wrong. In SEED-IV the test is weak: 26 of 33 would be by chance, two values (96.94 with 26
# wrong windows, 99.88 with one) are no sum of whole trials, and the excess of five is small.
#
# The features are smoothed along a trial, so that its windows are nearly equal and tend to be right or wrong together.
# The number of independent outcomes in one subject-session is then close to 15 in SEED and 24 in SEED-IV, not 842.
#
# ## What the headline averages, and two kinds of standard deviation

# %%
tables.spreads()

# %% [markdown]
# - **The headline.** UF-AMA's cross-subject entries, 94.53 ± 7.11 in Table 3 and 92.73 ± 7.27 in Table 6, are the mean
#   and the population SD (n in the denominator) of the 36 values of Table 4 and of the 45 values of Table 5. So the
#   headline is one person left out *within each session*, over all sessions.
# - **Within Tables 4 and 5** UF-AMA's and LAFDA-Net's SDs are population SDs, CFDA-CSF's are sample SDs (n - 1).
#   LAFDA-Net's 9.47 (SEED-IV, session 3) is neither; the values have 10.47 and 10.84.
# - **Between methods** the ± of Tables 3 and 6 has several meanings. CFDA-CSF's 5.46 is the sample SD of 12 subject
#   means, LAFDA-Net's 1.04 the population SD of three session means. A spread of session means is smaller than a spread
#   of subjects for any method: UF-AMA's would be 1.14 and 1.64.
# - **Not reproduced:** LAFDA-Net's 3.04 (its own session means have 3.18; CFDA-CSF's have 3.04), CFDA-CSF's 9.9, and
#   LAFDA-Net's mean of 89.85, where its 45 values average to 89.45.
#
# ## Rows in proportion
#
# The last look is at the two other methods of Tables 4 and 5: LAFDA-Net's accuracy divided by CFDA-CSF's.

# %%
tables.ratios(page.data.dataset)

# %%
tables.proportional()

# %% [markdown]
# In five of the six sessions most of LAFDA-Net's values are CFDA-CSF's value for the same subject times one constant,
# and 100 where the product exceeds 100. The counts depend on the rule, so the table gives three: a constant to four
# decimals, the constant that most entries follow within 0.06, and the one that most follow within rounding alone.
# Example: SEED, session 1, subject 1: $81.00 \times 1.0275 = 83.23$. The two rows are therefore not independent
# measurements, and this book uses neither in a paired comparison.
#
# ## What follows for reading the results

# %%
tables.consequences()

# %% [markdown]
# - One trial of SEED moves a fold by 5.5 to 7.8 points. A fold at 93.11 has one wrong trial of 58 windows, and one at
#   100.00 has none.
# - All parts of the method together add 2.68 points on SEED in Table 7: between 14 and 15 trials of 540. On SEED-IV
#   1.44 points are between 15 and 16 of 1080.
# - If all trials were independent, a mean of 94.53 over 540 of them would have a standard error of one point. They
#   are not independent, because one person's trials share that person's difficulty, so the true one is larger.
# - Two practices that no table shows are listed in the ledger: the released code reports the best of 400 epochs by
#   target accuracy ({ref}`row 21 <ledger-21>`), with one fixed seed per experiment ({ref}`row 27 <ledger-27>`).
#
# ## The same audit of any table
#
# The functions know nothing of this paper. Paste a column of published accuracies; the page computes what the command below
# does, and sends nothing anywhere. It holds the paper's 36 values of Table 4 until you replace them.
#
# ```{audit-form}
# ```
#
# For a whole table, with methods, sessions, subjects, printed means and rows in proportion, one accuracy per row is enough:
#
# ```
# ufama audit TABLE.csv --windows 842 3394 --trials 58,58,51,59,46,48,59,54,66,59,58,58,58,59,51 --json REPORT.json
# ```
#
# `TABLE.csv` has a column `accuracy` in percent, as printed, and `method`, `session` and `subject` where the paper has
# them. Where sessions differ in length, a candidate is one count per session: `--windows 851,832,822`. `--printed
# MEANS.csv` adds the printed means and SDs. A statement is made when its probability by chance is below 0.01 divided by
# the number of tests of its kind. On random tables the tests then stay silent, and on tables with planted structure
# they find it; both are tested. These are the statements on the paper's table of this page's data set:

# %%
Markdown(listed(finding.text for finding in tables.paper_audit(page.data.dataset).findings))

# %% [markdown]
# ## What this does not show
#
# - Why a number is as it is: two rows in proportion may be one that was computed from the other, rounded or copied, by
#   whoever printed them; their authors were not asked.
# - That a row in which nothing is found is right: these tests find patterns, not errors.
# - How well the method works: that is asked on the other pages.
