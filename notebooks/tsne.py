# %% [markdown]
# # What the fused features look like
#
# *Fig. 7. Cost: under a minute when the runs are stored.*
#
# t-SNE draws neighbourhoods {cite:p}`VanDerMaaten2008`. It is good at showing that groups exist and bad at showing how
# far apart they are; two drawings of the same features differ.

# %% tags=["parameters"]
dataset = "seed"  # "seed", "seed_iv", or the path of a two-modality .npz
data_root = None  # folder of your own copy; None: UFAMA_SEED / UFAMA_SEED_IV, else the simulated set
preset = "paper"  # "paper" or "released": which side of the ledger
scale = "quick"  # "quick" or "paper"
seeds = [0]
device = "cpu"

# %% tags=["hide-input"]
from ufama.pages.page import open_page

page = open_page("tsne", globals())

# %%
from ufama.campaigns.grids import tsne_grid
from ufama.report import figures, measured
from ufama.analysis.embedding import tsne_points

choices = page.choices | {"seeds": page.seeds[:1]}
results = page.results(tsne_grid(page.data, **choices))
points = tsne_points(results, page.windows.card.class_names)
page.show(measured.provenance(results))

# %% [markdown]
# The four panels of the paper's figure are the whole method on two data sets under two protocols: the panels M6 here and
# for SEED-IV below. Beside them stand the network alone (M1), with compactness and MMD (M3), and with screening (M5).
#
# ## Cross-subject

# %% mystnb={"figure": {"name": "fig-tsne-subject", "caption": "Fused features of up to 200 source and 200 target windows at the last epoch, cross-subject, for four models on the fold that the paper shows."}}
page.show(figures.tsne_panels(points[points.protocol == "cross_subject"], title=page.windows.card.title))

# %% [markdown]
# Target windows lie in small tight groups: each is one trial, whose windows are nearly equal.
#
# ## Cross-session

# %% mystnb={"figure": {"name": "fig-tsne-session", "caption": "The same for the cross-session fold that the paper shows."}}
page.show(figures.tsne_panels(points[points.protocol == "cross_session"], title=page.windows.card.title))

# %% [markdown]
# ## SEED-IV
#
# The paper shows SEED-IV too. With `-p dataset seed_iv` it stands above instead.

# %% mystnb={"figure": {"name": "fig-tsne-iv-subject", "caption": "SEED-IV, cross-subject, on the fold that the paper shows."}}
if seed_iv := page.seed_iv:
    title = seed_iv.windows.card.title
    iv_points = tsne_points(seed_iv.results(tsne_grid(seed_iv.data, **choices)), seed_iv.windows.card.class_names)
    display(seed_iv.show(figures.tsne_panels(iv_points[iv_points.protocol == "cross_subject"], title=title)))

# %% mystnb={"figure": {"name": "fig-tsne-iv-session", "caption": "SEED-IV, cross-session, on the fold that the paper shows."}}
if seed_iv:
    display(seed_iv.show(figures.tsne_panels(iv_points[iv_points.protocol == "cross_session"], title=title)))
