# %% [markdown]
# # The network
#
# *Section 2.2 of the paper, Eqs. 2–5. Cost: seconds. Nothing is trained on this page.*
#
# Two encoders, one for each modality, a fusion module with cross-attention between them, and three heads.

# %% tags=["parameters"]
dataset = "seed"  # "seed", "seed_iv", or the path of a two-modality .npz
data_root = None  # folder of your own copy; None: UFAMA_SEED / UFAMA_SEED_IV, else the simulated set
preset = "paper"  # "paper" or "released": which side of the ledger

# %% tags=["hide-input"]
from ufama.pages.page import open_page

page = open_page("network", globals())

# %% mystnb={"figure": {"name": "fig-architecture", "caption": "UF-AMA: what is computed from a batch of source and target windows (the paper's Fig. 1, redrawn)."}}
from ufama.report import drawings

page.show(drawings.architecture())

# %% [markdown]
# ## Encoder
#
# Attention weighs values by how well queries match keys,
#
# $$
# \operatorname{Attention}(Q, K, V) = \operatorname{softmax}\!\left(\frac{Q K^\top}{\sqrt{d_k}}\right) V ,
# $$ (eq-2)
#
# and an encoder block wraps it and a two-layer feed-forward network in norms and residual connections:
#
# $$
# \begin{aligned}
# \bar X &= \operatorname{LN}(Z^{(t-1)}), \qquad Z^{(0)} = X, \\
# Z' &= Z^{(t-1)} + \operatorname{MHSA}(\bar X), \\
# Z^{(t)} &= Z' + \operatorname{FFN}(\operatorname{LN}(Z')) .
# \end{aligned}
# $$ (eq-3)
#
# In code, for one run ({mod}`~ufama.core.reference`). The paper puts the norm before each part, the released code after
# it (ledger row 1).

# %%
import inspect

from IPython.display import Markdown

from ufama.core import reference


def definition(*functions):
    """The source of functions, as it stands in the package."""
    source = "\n\n".join(map(inspect.getsource, functions))
    return Markdown(f"```python\n{source}```")


definition(reference.attention, reference.multi_head_attention, reference.encoder_block)

# %% [markdown]
# What trains is the same with a leading axis for the runs ({class}`~ufama.core.network.EncoderBlock`), in a fast form
# where there is one ({mod}`ufama.core.fast`); tests compare the three, values and gradients.
#
# ## Fusion
#
# Each modality is projected, $\bar Z_m = \operatorname{FC}(\operatorname{LN}(Z_m))$, and attends to the other:
#
# $$
# Z_{n \to m} = \bar Z_m + \operatorname{MHCA}(\bar Z_m, \bar Z_n, \bar Z_n) ,
# $$ (eq-4)
#
# $$
# Z_{\text{fusion}} = \operatorname{Concat}\bigl(\operatorname{FC}(Z_{\text{eye} \to \text{eeg}}),\;
# \operatorname{FC}(Z_{\text{eeg} \to \text{eye}})\bigr) .
# $$ (eq-5)
#
# In code:

# %%
definition(reference.cross_attention, reference.fusion)

# %% mystnb={"figure": {"name": "fig-fusion", "caption": "The fusion module (the paper's Fig. 2, redrawn)."}}
page.show(drawings.fusion_block())

# %% [markdown]
# ## A batch on its way
#
# Every tensor has a leading *runs axis*: `R` trainings (folds, seeds, settings) go through the same step side by side
# and never mix. Here `R = 2`, and the batch is the first 32 windows of the recordings.

# %%
import pandas as pd
import torch

from ufama.methods import ProblemSpec, method

ufama = method("ufama")
config = ufama.preset(page.preset, dataset=page.data.dataset, variant="M6")
windows = page.windows
task = ProblemSpec(windows.card, source_domains=1, target_windows=32)
network = ufama.build(config, task, seeds=[0, 1])

eeg = torch.as_tensor(windows.eeg[:32]).expand(2, -1, -1, -1)  # (R, N, tokens, features)
eye = torch.as_tensor(windows.eye[:32]).expand(2, -1, -1)  # (R, N, features)
with torch.no_grad():
    outputs = network(eeg, eye)
shapes = {"eeg": eeg, "eye": eye} | outputs._asdict()
pd.DataFrame({"tensor": shapes.keys(), "shape (R, N, ...)": [str(tuple(z.shape)) for z in shapes.values()]})

# %%
parts = {name: sum(p[0].numel() for p in child.parameters()) for name, child in network.named_children()}
pd.DataFrame({"part": [*parts, "all"], "parameters of one run": [*parts.values(), sum(parts.values())]})

# %% [markdown]
# Most parameters sit where tokens are flattened into one vector, in the branch features and at the end of the fusion,
# not in attention. The paper states neither width nor how tokens become one feature; both are the released code's
# (ledger rows 3 and 5).
#
# ## Two runs are two runs
#
# Run 1 of the stack gives what it gives alone, whatever runs beside it. This holds for whole trainings, dropout
# included, and is tested in double precision.

# %%
alone = ufama.build(config, task, seeds=[1])
with torch.no_grad():
    single = alone(eeg[1:], eye[1:])
f"largest difference between run 1 in the stack and alone is below 1e-5: {bool((single.fused[0] - outputs.fused[1]).abs().max() < 1e-5)}"
