# %% [markdown]
# # Every method in one harness

# %% tags=["parameters", "hide-input"]
dataset = "seed"  # "seed", "seed_iv", or the path of a two-modality .npz
data_root = None  # folder of your own copy; None: UFAMA_SEED / UFAMA_SEED_IV, else the simulated set
require_real = False  # True: refuse to work on simulated recordings
scale = "quick"  # "quick" or "paper"
seeds = [0]
device = "cpu"
methods = None  # names by commas, such as "dann,ufama"; None: every method

# %% tags=["hide-input"]
from ufama.campaigns.experiments import parameter_count
from ufama.campaigns.grids import (
    COMPARED_PROTOCOLS,
    compared_candidates,
    comparison_grid,
    published_comparison_grid,
)
from ufama.campaigns.tuning import Candidate, stored_search, stored_tuning
from ufama.pages.page import open_page
from ufama.report import comparison, findings, held_out_people, measured
from ufama.report.methods import tuning_table
from ufama.report.page_head import head

page = open_page("comparison", globals())


def trained(page):
    """The page's grid, its results, those of the published methods with every source person, and the settings kept."""
    grid = comparison_grid(page.data, methods=page.methods, **page.choices)
    of_table = published_comparison_grid(page.data, methods=page.methods, **page.choices)
    as_published = page.results(of_table) if of_table else None
    return grid, page.results(grid), as_published, stored_tuning(page.data, page.scale)


def compared(results, as_published, tuned):
    """The table across people, and the ranks within them."""
    return comparison.comparison_table(results, "cross_subject", tuned, as_published=as_published)


seed_iv = page.seed_iv
grid, results, as_published, tuned = trained(page)
across_people, people_ranks = compared(results, as_published, tuned)
if seed_iv:
    _, iv_results, iv_as_published, iv_tuned = trained(seed_iv)
    iv_across_people, iv_people_ranks = compared(iv_results, iv_as_published, iv_tuned)
parameters = {Candidate(block.method, block.preset): parameter_count(block) for block in grid}
head(
    "Which method predicts an unseen person best where all have the same recordings, steps and tuning?",
    [findings.comparison(table) for table in ([across_people, iv_across_people] if seed_iv else [across_people])],
    evidence={"fig-methods": "accuracy of every method", "fig-ranks": "ranks within people"},
    runs=[own.runs for own in ([results, iv_results] if seed_iv else [results])],
    caveat="The order of methods is a property of these recordings, and of the length of training, as much as of the "
    "methods.",
    parameters=parameters.values(),
    left_out=page.left_out(protocols=COMPARED_PROTOCOLS, candidates=compared_candidates(page.methods)),
)

# %% [markdown]
# *Tables 3 and 6. Cost: about a minute on one core when the runs are stored; training them at scale `quick` takes the
# minutes that the table of costs adds up.*
#
# The paper's tables compare numbers from different papers: other people, other windows, other choices of the epoch.
# Here every method that can be trained on EEG and eye features gets the same recordings, folds, batches, number
# of steps, budget for tuning, and rules. What each method is, and where it is from, is in the list that `ufama methods`
# prints.
#
# Published and measured numbers never share a column. Where the caption says *simulated*, the measured ones can neither
# confirm nor refute the published: they compare methods on recordings whose truth is known.

# %%
page.show(measured.provenance(results))

# %% [markdown]
# ## Equal tuning
#
# Every method tries up to eight settings: its default, and others drawn by a fixed seed from the values that its file
# names. Each is trained on the same four cross-subject folds. The one that is best on people held out of the *source*,
# at the last epoch, is kept for all folds of both protocols.
#
# The target's labels are not read in any fold. But one setting is kept for all folds, and the held-out people of the
# four are targets in others. Tuning each fold for itself would avoid that, and cost as many times more as there are
# groups of four folds.

# %%
from IPython.display import Markdown

draws = stored_search(page.data, page.scale)
missing = {Candidate(block.method, block.preset) for block in grid} - tuned.keys()
Markdown(
    f"{len(tuned)} methods are tuned on {page.windows.card.title} at scale {page.scale}; {len(missing)} of this page's have their "
    "defaults, untuned."
)

# %%
if len(draws):
    display(page.show(tuning_table(draws, page.windows.card.title, page.scale)))

# %% [markdown]
# ## Across subjects
#
# Rows are ordered by *source validation*, the rule that could be used on new recordings. The oracle chooses the epoch
# with the target's labels; it is the convention of the published numbers and is shown to say what it is worth. The
# controls say what the recordings give away by themselves: one knows the labels' frequencies alone, one the place of a
# clip in the session alone, which all people share. The methods of the paper's table were trained a second time on
# every source person, as its were ({ref}`ledger row 30 <ledger-30>`): that oracle stands beside the published values.

# %%
page.show(across_people)

# %% mystnb={"figure": {"name": "fig-methods", "caption": "Cross-subject accuracy of every method under three rules; the bar is the 95 % interval of source validation over subjects, the dashed line source only. The data set is that of this page's parameter."}}
page.show(comparison.accuracy_lines(across_people, f"{page.windows.card.title}, cross-subject"))

# %% [markdown]
# Accuracies of one person under two methods are paired, and their intervals above overlap even where every person
# does better with one of the two. Ranks within people keep the pairs. Two methods that a vertical bar joins are not
# told apart by Nemenyi's test, which allows for all pairs at once ({cite:t}`Demsar2006`).

# %% mystnb={"figure": {"name": "fig-ranks", "caption": "Critical-difference diagram, cross-subject, rule source validation: mean rank of every method over subjects. Vertical bars at the right join methods whose mean ranks lie less than the critical difference apart."}}
page.show(comparison.rank_lines(people_ranks, f"{page.windows.card.title}, cross-subject"))

# %%
Markdown(comparison.reading(across_people, people_ranks))

# %% [markdown]
# ## Held-out people and the target
#
# Tuning's table gives some methods more on held-out source people than they reach on the target above. A held-out
# person's windows are in no batch, and one network predicts both people in the same way; a test trains with either
# person in either role. Three things differ. Tuning's value is the highest of several, on few people. They are other
# people than the targets. And a method adapts to the target alone, for better or worse; neither tuning nor source
# validation sees that, because adaptation does not act on held-out people. The table takes these apart. A method
# without adaptation has the difference of the people alone; what another method has beyond that in the same folds is
# its adaptation, or how well its network suits either person, which one run per fold does not tell apart.

# %%
people = held_out_people.held_out_table(results, draws)
page.show(people)

# %%
Markdown(held_out_people.reading(people))

# %% [markdown]
# ## Across sessions
#
# One session of all people is the target, their other two are the source.

# %%
if page.several_sessions:
    across_sessions, session_ranks = comparison.comparison_table(
        results, "cross_session", tuned, as_published=as_published
    )
page.if_allowed(lambda: page.show(across_sessions), protocols=["cross_session"])

# %%
if page.several_sessions:
    display(Markdown(comparison.reading(across_sessions, session_ranks)))

# %% [markdown]
# ## Cost

# %%
page.show(comparison.cost_table(results, parameters))

# %% [markdown]
# ## SEED-IV
#
# The same for SEED-IV, Table 6.

# %%
if seed_iv:
    display(seed_iv.show(iv_across_people))

# %% mystnb={"figure": {"name": "fig-ranks-other", "caption": "SEED-IV: critical-difference diagram, cross-subject, rule source validation."}}
if seed_iv:
    display(seed_iv.show(comparison.rank_lines(iv_people_ranks, f"{seed_iv.windows.card.title}, cross-subject")))

# %%
if seed_iv:
    display(Markdown(comparison.reading(iv_across_people, iv_people_ranks)))

# %%
if seed_iv:
    iv_people = held_out_people.held_out_table(iv_results, stored_search(seed_iv.data, seed_iv.scale))
    display(seed_iv.show(iv_people))

# %%
if seed_iv:
    display(Markdown(held_out_people.reading(iv_people)))

# %%
if seed_iv:
    iv_across_sessions, iv_session_ranks = comparison.comparison_table(
        iv_results, "cross_session", iv_tuned, as_published=iv_as_published
    )
    display(seed_iv.show(iv_across_sessions))

# %%
if seed_iv:
    display(Markdown(comparison.reading(iv_across_sessions, iv_session_ranks)))

# %% [markdown]
# ## How to read it
#
# A method that loses here has lost at this scale, with this budget, on these recordings. Short trainings favour methods
# that need few steps, and a published method was tuned by its authors on recordings that this page may not have. Names that end in *-like* were built from a description, not line by line from code.
#
# Mean ranks depend on who else is in the table: add ten weak methods and the critical difference grows. The paired
# differences to source only do not, but for Holm's correction.

# %% [markdown]
# ## What this does not show
#
# - That a method is bad: each was trained for few steps, tuned over few settings, and some were built from a description.
# - The order of methods on real recordings. The simulator is linear and additive in its features, where a linear
#   classifier is hard to beat.
# - That two methods without a significant difference are alike: with a dozen people only large differences can be seen.
