# %% [markdown]
# # What the fused features look like

# %% tags=["parameters", "hide-input"]
dataset = "seed"  # "seed", "seed_iv", or the path of a two-modality .npz
data_root = None  # folder of your own copy; None: UFAMA_SEED / UFAMA_SEED_IV, else the simulated set
preset = "paper"  # "paper" or "released": which side of the ledger
scale = "quick"  # "quick" or "paper"
seeds = [0]
device = "cpu"

# %% tags=["hide-input"]
from ufama.analysis.embedding import tsne_points
from ufama.campaigns.grids import COMPARED_PROTOCOLS, tsne_grid
from ufama.pages.page import open_page
from ufama.report import figures, findings, measured
from ufama.report.neighbours import neighbours_table
from ufama.report.page_head import head

page = open_page("tsne", globals())
choices = page.choices | {"seeds": page.seeds[:1]}
every = [one.results(tsne_grid(one.data, **choices)) for one in page.each_dataset()]
results, neighbours = every[0], [neighbours_table(own) for own in every]
head(
    "What do the fused features of a trained network group together: emotions, trials or people?",
    [findings.features(table) for table in neighbours],
    evidence={"fig-tsne-subject": "the features, drawn", "nearest-windows": "the nearest windows"},
    runs=[own.runs for own in every],
    caveat="One fold of each protocol and one seed: an illustration.",
    left_out=page.left_out(protocols=COMPARED_PROTOCOLS),
)

# %% [markdown]
# *Fig. 7. Cost: under a minute on one core when the runs are stored.*
#
# t-SNE draws neighbourhoods {cite:p}`VanDerMaaten2008`. It is good at showing that groups exist and bad at showing how
# far apart they are; two drawings of the same features differ.

# %%
points = tsne_points(results, page.windows.card.class_names)
page.show(measured.provenance(results))

# %% [markdown]
# The four panels of the paper's figure are the whole method on two data sets under two protocols: the panels M6 here and
# for SEED-IV below. Beside them stand the network alone (M1), with compactness and MMD (M3), and with screening (M5); where
# the gate of distillation never opened, M5 and M6 are one training and one picture ({doc}`training_length`). A class has
# the same colour in all of them.
#
# ## Cross-subject

# %% mystnb={"figure": {"name": "fig-tsne-subject", "caption": "Fused features of up to 200 source and 200 target windows at the last epoch, cross-subject, for four models on the fold that the paper shows (SEED: subject 5 in session 3; SEED-IV: subject 8 in session 2)."}}
page.show(figures.tsne_panels(points[points.protocol == "cross_subject"], title=page.windows.card.title))

# %% [markdown]
# Target windows lie in small tight groups: each is one trial, whose windows are nearly equal. Distances in the drawing
# mean little; the table below counts in the features themselves.
#
# ## Nearest windows

# %%
page.show(neighbours[0])

# %%
if seed_iv := page.seed_iv:
    display(seed_iv.show(neighbours[1]))

# %% [markdown]
# ## Cross-session

# %% mystnb={"figure": {"name": "fig-tsne-session", "caption": "The same for the cross-session fold that the paper shows (SEED: session 3; SEED-IV: session 2)."}}
page.if_allowed(
    lambda: page.show(
        figures.tsne_panels(points[points.protocol == "cross_session"], title=page.windows.card.title)
    ),
    protocols=["cross_session"],
)

# %% [markdown]
# ## SEED-IV
#
# The paper shows SEED-IV too.

# %% mystnb={"figure": {"name": "fig-tsne-iv-subject", "caption": "SEED-IV, cross-subject, on the fold that the paper shows: subject 8 in session 2."}}
if seed_iv:
    title = seed_iv.windows.card.title
    iv_points = tsne_points(every[1], seed_iv.windows.card.class_names)
    display(seed_iv.show(figures.tsne_panels(iv_points[iv_points.protocol == "cross_subject"], title=title)))

# %% mystnb={"figure": {"name": "fig-tsne-iv-session", "caption": "SEED-IV, cross-session, on the fold that the paper shows: session 2."}}
if seed_iv:
    display(seed_iv.show(figures.tsne_panels(iv_points[iv_points.protocol == "cross_session"], title=title)))

# %% [markdown]
# ## What this does not show
#
# - Whether a model is better than another: each panel is one training on one fold, and t-SNE has no scale.
# - That windows of one emotion lie together wherever groups of one colour do: a trial has one emotion, and its windows
#   are nearly equal.
# - What the features of real recordings look like.
