# %% [markdown]
# # Tables 3 to 6: published and measured

# %% tags=["parameters", "hide-input"]
dataset = "seed"  # "seed" (SEED-IV stands beside it where no folder is named) or "seed_iv"
data_root = None  # folder of your own copy; None: UFAMA_SEED / UFAMA_SEED_IV, else the simulated set
require_real = False  # True: refuse to work on simulated recordings
preset = "paper"  # "paper" or "released": which side of the ledger
scale = "quick"  # "quick" or "paper"
seeds = [0]
device = "cpu"

# %% tags=["hide-input"]
from ufama.analysis.paper import SUBJECTS_TABLE, published
from ufama.campaigns.grids import PUBLISHED, results_grid
from ufama.pages.page import open_page
from ufama.report import findings, measured, tables
from ufama.report.page_head import head

page = open_page("results", globals(), only=SUBJECTS_TABLE)
every = [one.results(results_grid(one.data, training=PUBLISHED, **one.choices)) for one in page.each_dataset()]
held_out = [one.results(results_grid(one.data, **one.choices)) for one in page.each_dataset()]
sets = [one.data.dataset for one in page.each_dataset()]
methods = [tables.methods_table(own, name) for own, name in zip(every, sets, strict=True)]
by_rule = [tables.under_each_rule(tables.methods_table, *own) for own in zip(every, held_out, sets, strict=True)]
head(
    "What does UF-AMA reach with an unseen person and in an unseen session, and what does the paper print?",
    [findings.results(table) for table in methods],
    evidence={"all-methods": "published and measured rows", "fig-confusion": "the confusion matrices"},
    runs=[own.runs for own in (*every, *held_out)],
    caveat="Published numbers are of real recordings. Simulated ones can neither confirm nor refute them.",
)

# %% [markdown]
# *Tables 3 to 6 and the confusion matrices of Fig. 6. Cost: seconds when the runs are stored; at scale `quick` some
# minutes on two cores, at scale `paper` hours there ({doc}`cost`).*
#
# Published numbers and measured numbers stand beside each other and never share a column. Where the caption says
# *simulated*, the measured ones cannot confirm or refute the published: they show that the method runs, what it does
# on recordings whose truth is known, and what the choice of epoch is worth.
#
# The runs of this page train on every source person, as the paper's do ({ref}`ledger row 30 <ledger-30>`), so that no
# epoch can be chosen by held-out people. In the next table alone this choice has a tab, with runs of its own; more about
# it is on the page {doc}`selection`.
#
# The published numbers were measured on an RTX 4090 with Python 3.8, PyTorch 1.11 and CUDA 11.3 (section 3.2).

# %% tags=["tab-seed"]
from ufama.campaigns.results import Results

page.show(measured.provenance(Results.concat([every[0], held_out[0]])))

# %% tags=["tab-seed_iv"]
if seed_iv := page.seed_iv:
    display(seed_iv.show(measured.provenance(Results.concat([every[1], held_out[1]]))))

# %% [markdown]
# ## All methods
#
# The published rows are as the paper prints them, from different protocols and numbers of people; only UF-AMA's was
# re-run here. A cross-subject value is the mean over leave-one-subject-out within each session.
#
# The tabs are the rules by which the epoch is chosen. *Last epoch* is no choice; *source validation* chooses by source
# people who were held out; *oracle*, the published convention, reads the labels of the target.

# %% tags=["tab-seed", "tab-last"]
page.show(by_rule[0]["last"])

# %% tags=["tab-seed", "tab-source_validation"]
page.show(by_rule[0]["source_validation"])

# %% tags=["tab-seed", "tab-oracle"]
page.show(by_rule[0]["oracle"])

# %% tags=["tab-seed_iv", "tab-last"]
if seed_iv:
    display(seed_iv.show(by_rule[1]["last"]))

# %% tags=["tab-seed_iv", "tab-source_validation"]
if seed_iv:
    display(seed_iv.show(by_rule[1]["source_validation"]))

# %% tags=["tab-seed_iv", "tab-oracle"]
if seed_iv:
    display(seed_iv.show(by_rule[1]["oracle"]))

# %% [markdown]
# ## Person by person

# %% tags=["tab-seed"]
page.show(tables.subjects_table(every[0], sets[0]))

# %% tags=["tab-seed_iv"]
if seed_iv:
    display(seed_iv.show(tables.subjects_table(every[1], "seed_iv")))

# %% tags=["tab-seed"] mystnb={"figure": {"name": "fig-subjects", "caption": "Cross-subject accuracy of people by session, rule `last`: published above, measured below. Dotted ground: simulated people, who do not correspond to the published ones."}}
from ufama.analysis.evaluation import accuracy_per_recording, confusion, select
from ufama.report import figures

people = [accuracy_per_recording(select(own, protocol="cross_subject")) for own in every]
page.show(figures.people_published_and_measured(people[0], published(SUBJECTS_TABLE[sets[0]]), rule="last"))

# %% tags=["tab-seed_iv"] mystnb={"figure": {"name": "fig-subjects-iv", "caption": "SEED-IV: cross-subject accuracy of people by session, rule `last`: published above, measured below. Dotted ground as above."}}
if seed_iv:
    printed = published(SUBJECTS_TABLE["seed_iv"])
    display(seed_iv.show(figures.people_published_and_measured(people[1], printed, rule="last")))

# %% [markdown]
# ## By session, and by trial
#
# A window's neighbours in its trial are nearly equal to it, so whole trials are right or wrong: accuracy over trials
# (the plurality of their windows) counts the outcomes that are closer to independent.

# %% tags=["tab-seed"]
page.show(tables.sessions(every[0], sets[0]))

# %% tags=["tab-seed_iv"]
if seed_iv:
    display(seed_iv.show(tables.sessions(every[1], "seed_iv")))

# %% [markdown]
# ## Confusions
#
# On the set with four classes, the paper says, about 15 % of the happy windows become neutral or sad across sessions
# (section 3.5).

# %% tags=["tab-seed"] mystnb={"figure": {"name": "fig-confusion", "caption": "Confusion matrices, rule `last`, pooled over runs, and the recalls that the paper prints."}}
recalls = published("figure6_confusion_diagonals")
page.show(figures.confusion_matrices(confusion(every[0], rule="last"), recalls))

# %% tags=["tab-seed_iv"] mystnb={"figure": {"name": "fig-confusion-iv", "caption": "SEED-IV: confusion matrices, rule `last`, pooled over runs, and the recalls that the paper prints."}}
if seed_iv:
    display(seed_iv.show(figures.confusion_matrices(confusion(every[1], rule="last"), recalls)))

# %% [markdown]
# ## What this does not show
#
# - Whether the published numbers are right. Where the caption says *simulated*, other people were measured, and they were
#   made by a program; a low or a high number says as much about that program as about the method.
# - What the method reaches after a training of the paper's length ({doc}`training_length`).
# - What the other methods of the table reach in the same harness: that is on the page {doc}`comparison`.
# - How far the numbers would differ with other seeds ({doc}`stability`) or other people ({doc}`certainty`).
