# %% [markdown]
# # The paper's tables

# %% tags=["parameters", "hide-input"]
dataset = "seed"  # "seed" (with SEED-IV beside it) or "seed_iv"

# %% tags=["hide-input"]
from ufama.pages.page import open_page
from ufama.report import published_tables as tables
from ufama.report.page_head import head

page = open_page("published", globals(), only=("seed", "seed_iv"))
first, *others = [one.data.dataset for one in page.each_dataset()]
methods = {name: tables.methods(name) for name in (first, *others)}
ablation = tables.ablation()
head(
    "How accurate is UF-AMA by its paper, and what do the method's parts add there?",
    tables.finding(methods, ablation),
    evidence={"all-methods": "UF-AMA beside other methods", "fig-published-people": "every subject"},
    caveat="Real recordings, published by others. The epoch that is reported is, in the released code, the best one by the "
    "labels of the test.",
)

# %% [markdown]
# *Tables 3 to 7 and Fig. 6 of the paper. Cost: seconds; no training, no recordings.*
#
# These are the paper's numbers {cite:p}`Wang2026`, transcribed by hand, and nothing else. They come before everything that was
# measured here, so that a reader knows what there is to reproduce. What they give away beyond their values is on the page
# {doc}`audit`; what the same code gives on simulated recordings is on the page {doc}`results`, from which no reader should
# conclude that these numbers are too high or right.
#
# ## All methods
#
# Cross-subject: one person is left out, within each session. Cross-session: one session of everybody is left out.

# %% tags=["tab-seed"]
methods[first]

# %% tags=["tab-seed_iv"]
if others:
    display(methods["seed_iv"])

# %% [markdown]
# ## By session and person
#
# On SEED more than half of the values are exactly 100 %; the others are spread over far more than what separates two
# methods.

# %% mystnb={"figure": {"name": "fig-published-people", "caption": "Published numbers, transcribed from the paper: UF-AMA's cross-subject accuracy of every subject in every session (Tables 4 and 5)."}}
page.show(tables.people())

# %% tags=["tab-seed"]
tables.sessions(first)

# %% tags=["tab-seed_iv"]
if others:
    display(tables.sessions("seed_iv"))

# %% tags=["tab-seed"]
tables.subjects(first)

# %% tags=["tab-seed_iv"]
if others:
    display(tables.subjects("seed_iv"))

# %% [markdown]
# ## What the parts add
#
# M1 is the network alone, trained on the source; each further model has one part more.

# %%
ablation

# %% [markdown]
# ## Which emotions are recognised

# %%
tables.recalls()

# %% [markdown]
# ## What this does not show
#
# - How the other methods would do with the same people, folds and choice of the epoch: most rows were taken over from their
#   own papers.
# - How much of a mean is the choice of the epoch ({doc}`selection`), and how far it would move with other people or other
#   seeds ({doc}`certainty`, {doc}`stability`).
# - Whether a model recognises the emotion or the film ({doc}`same_film`).
