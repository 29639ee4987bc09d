# %% [markdown]
# # The network

# %% tags=["parameters", "hide-input"]
dataset = "seed"  # "seed", "seed_iv", or the path of a two-modality .npz
data_root = None  # folder of your own copy; None: UFAMA_SEED / UFAMA_SEED_IV, else the simulated set
preset = "paper"  # "paper" or "released": which side of the ledger
scale = "quick"  # the size that is shown beside the paper's

# %% tags=["hide-input"]
from IPython.display import Markdown

from ufama.config import TrainingConfig, scale as scale_of
from ufama.core import reference
from ufama.methods import method
from ufama.pages.page import open_page
from ufama.report import drawings, network
from ufama.report.page_head import head
from ufama.report.source import source

page = open_page("network", globals())
windows = page.windows
config = method("ufama").preset(page.preset, dataset=page.data.dataset, variant="M6")
sizes = {
    f"{name}: width {scaled.width}": scaled
    for name in dict.fromkeys(["paper", page.scale])
    for scaled in [scale_of(name).apply(config, TrainingConfig())[0]]
}
parameters = network.parameters(windows.card, sizes)
order = network.order_of_tokens(windows, config)
head(
    "What does the network compute from a window, and where are its parameters?",
    [order, network.flattened_share(parameters.frame)],
    evidence={"what-a-token-is": "what a token is", "sizes": "sizes"},
    caveat=f"Networks with random weights on {windows.card.title}; nothing is trained on this page.",
)

# %% [markdown]
# *Section 2.2 of the paper, Eqs. 2–5. Cost: seconds on one core. Nothing is trained on this page.*
#
# One window goes in: the differential entropy of 62 channels in five bands, and the statistics of eye movement in the
# same four seconds. Three answers come out: from the EEG alone, from the eyes alone, and from both. In between are
# **two encoders** that never exchange anything, a **fusion** in which each modality attends to the other, and
# **three heads**. The two single answers are not a by-product: screening compares them ({doc}`screening`).

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-architecture", "caption": "UF-AMA: what is computed from a batch of source and target windows (the paper's Fig. 1, redrawn)."}}
page.show(drawings.architecture())

# %% [markdown]
# ## What a token is
#
# A Transformer {cite:p}`Vaswani2017` reads a sequence of vectors, its *tokens*. A window has no words; the paper does not
# say what takes their place. In the released code ({ref}`ledger row 4 <ledger-4>`)
#
# - an **EEG token is a channel**: its five band values, turned into a vector by one linear layer that all channels share;
# - an **eye token is a single statistic**: one number, turned into a vector by one linear layer that all statistics share.
#
# A token is therefore a *place or a quantity within one window*. The sequence is not in time: attention here relates
# channels with channels and statistics with statistics, never one second with the next.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-tokens", "caption": "The first window of the recordings as the network reads it: every row is a token. Scaled by the range of its subject-session."}}
page.show(network.tokens(windows))

# %% [markdown]
# There is **no positional encoding**: nothing is added to a token that says which channel or statistic it is, so two
# channels with the same five values get the same token. Attention treats tokens as a set, whose order it cannot see.
# Which token is which becomes known only behind the blocks, where all tokens are laid end to end (*flattened*) and one
# linear layer gives every place weights of its own ({ref}`ledger row 5 <ledger-5>`). That this is so is computed by
# giving the network its tokens in another order:

# %% tags=["remove-input"]
Markdown(order)

# %% [markdown]
# ## Attention
#
# Every token has a *key* and a *value*. The better a token's key matches the *query*, the larger its value's share in the
# result:
#
# $$
# \operatorname{Attention}(Q, K, V) = \operatorname{softmax}\!\left(\frac{Q K^\top}{\sqrt{d_k}}\right) V .
# $$ (eq-2)
#
# The products of query and key grow with the number of their entries {math}`d_k`; the root keeps the softmax from
# choosing a single key for that reason alone. With numbers:

# %% tags=["hide-input"]
page.show(network.attention_example())

# %% tags=["remove-input"]
source(reference.attention)

# %% [markdown]
# ## Encoder
#
# One encoder for each modality {math}`m`, EEG and eye, of {math}`t = 1, \dots, T` blocks. In a block every token attends
# to all tokens of its own modality, in {math}`H` *heads* that work side by side with projections
# {math}`W_h^Q, W_h^K, W_h^V` of their own; a feed-forward network (two linear layers with a ReLU between them) then
# changes each token by itself. Both parts *add* to what they receive:
#
# $$
# \begin{aligned}
# \bar X_m^{(t)} &= \operatorname{LN}\bigl(Z_m^{(t-1)}\bigr), \qquad Z_m^{(0)} = X^m, \\
# \operatorname{SA}_m^{h(t)} &= \operatorname{Attention}\bigl(\bar X_m^{(t)} W_h^Q,\; \bar X_m^{(t)} W_h^K,\; \bar X_m^{(t)} W_h^V\bigr), \\
# \operatorname{MHSA}_m^{(t)} &= \operatorname{Concat}\bigl(\operatorname{SA}_m^{1(t)}, \dots, \operatorname{SA}_m^{H(t)}\bigr)\, W^O, \\
# \bar Z_m^{(t)} &= Z_m^{(t-1)} + \operatorname{MHSA}_m^{(t)}, \\
# Z_m^{(t)} &= \bar Z_m^{(t)} + \operatorname{FFN}\bigl(\operatorname{LN}(\bar Z_m^{(t)})\bigr) .
# \end{aligned}
# $$ (eq-3)
#
# {math}`\operatorname{LN}` is layer normalisation: every token is shifted and scaled to mean 0 and variance 1 of its
# entries. Because both parts only add, a block can leave a token as it is, and gradients pass the sums unchanged. Line by
# line:

# %% tags=["remove-input"]
source(reference.multi_head_attention, reference.feed_forward, reference.encoder_block)

# %% [markdown]
# The paper normalises before each part (`pre_norm`), the released code after the sum ({ref}`ledger row 1 <ledger-1>`).
# The second argument of {func}`~ufama.core.reference.multi_head_attention` gives the queries, the third keys and values;
# here both are the same tokens.
#
# ## Why cross-attention
#
# The simplest fusion lays the two branch features end to end and lets a linear layer weigh them. Its weights are the same
# for every window: EEG evidence and eye evidence are *added*. Then the eyes cannot change what an EEG channel means; a
# strong frontal theta rhythm counts the same, whether the pupils are wide or a blink has just distorted both signals.
#
# In cross-attention the queries come from one modality, keys and values from the other. How much of each eye statistic
# enters each EEG channel is a product of both, computed for *this* window. With EEG as the receiver ({math}`m`) and the
# eyes as the giver ({math}`n`), and the same again with the roles exchanged:
#
# $$
# \begin{aligned}
# \bar Z_m &= \operatorname{FC}\bigl(\operatorname{LN}(Z_m)\bigr), \qquad \bar Z_n = \operatorname{FC}\bigl(\operatorname{LN}(Z_n)\bigr), \\
# \operatorname{CA}_{n \to m}^{h} &= \operatorname{Attention}\bigl(\bar Z_m W_h^Q,\; \bar Z_n W_h^K,\; \bar Z_n W_h^V\bigr), \\
# \operatorname{MHCA}_{n \to m} &= \operatorname{Concat}\bigl(\operatorname{CA}_{n \to m}^{1}, \dots, \operatorname{CA}_{n \to m}^{H}\bigr)\, W^O, \\
# \bar Z_{n \to m} &= \bar Z_m + \operatorname{MHCA}_{n \to m} .
# \end{aligned}
# $$ (eq-4)
#
# {math}`\operatorname{FC}` is a linear layer; it brings both modalities to one width, so that their products have a
# meaning. The result has as many tokens as the receiver: one for each channel, now mixed with what the eyes did. The sum
# keeps the receiver's own information where the other modality has nothing to add. Both directions are then flattened,
# projected, and laid end to end ({math}`E` is EEG, {math}`P` the eyes):
#
# $$
# Z_{\text{fusion}} = \operatorname{Concat}\bigl(\operatorname{FC}(\bar Z_{P \to E}),\;
# \operatorname{FC}(\bar Z_{E \to P})\bigr) .
# $$ (eq-5)

# %% tags=["remove-input"]
source(reference.cross_attention, reference.fusion)

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-fusion", "caption": "The fusion module (the paper's Fig. 2, redrawn)."}}
page.show(drawings.fusion_block())

# %% [markdown]
# Whether this is worth more than adding the evidence is a question for measurements, not for the drawing: the page
# {doc}`comparison` has methods with plainer fusions.
#
# ## From features to answers
#
# Each branch has one vector per window: the flattened and projected tokens of its modality, or the fused feature. The
# compactness loss and the MMD act on these three vectors ({doc}`alignment`), and three heads of two linear layers turn
# them into class scores. A softmax makes a score a probability. The whole forward pass:

# %% tags=["remove-input"]
source(reference.Encoder.forward, reference.Head.forward, reference.Network.forward)

# %% [markdown]
# `draws` are the random numbers of dropout; without them the network is evaluated. Dropout (0.5) is in the heads alone in
# preset `paper`; the released code also has 0.1 in the blocks.
#
# ## Sizes

# %% tags=["hide-input"]
page.show(network.shapes(windows.card, sizes))

# %% tags=["hide-input"]
page.show(parameters)

# %% [markdown]
# ## Many runs in one step
#
# The paper's experiment is hundreds of small trainings. What trains here is the code above with one more axis in front of
# every tensor, for the runs of a *stack*, and a fast form of some parts ({class}`~ufama.core.network.Network`,
# {mod}`ufama.core.fast`). The runs never mix; tests compare all forms, values and gradients, and whole trainings with
# dropout.

# %% tags=["remove-input"]
Markdown(network.stack_note(windows, config))

# %% [markdown]
# ## What this does not show
#
# - That cross-attention is worth more than a plainer fusion: that is a question for measurements ({doc}`comparison`).
# - What a trained network attends to: the weights here are random.
# - That width and the order of tokens are the paper's: it states neither, and both are the released code's.
