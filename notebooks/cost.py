# %% [markdown]
# # Cost

# %% tags=["parameters", "hide-input"]
dataset = "seed"  # "seed" or "seed_iv": whose shape the first figure shows

# %% tags=["hide-input"]
from ufama.config import DATASETS
from ufama.pages.page import open_page
from ufama.report import cost, cost_gpu, findings
from ufama.report.page_head import head

page = open_page("cost", globals(), only=DATASETS)
training = cost.stored("training")
whole = cost.whole_training_table(training)
head(
    "What does a training cost in time and memory, and what does training many runs in one step save?",
    findings.cost(whole),
    evidence={"fig-cost-ratio": "the stack beside the plain reference", "a-step": "whole tables"},
    caveat="Measured on noise of the sets' shapes, on the computer that the tables name; estimated from the median of a "
    "step, without evaluations. No accuracy is at stake.",
)

# %% [markdown]
# *What a training costs in time and memory, and what the stack saves. Cost of this page: seconds on one core. Everything
# on it is stored; the scripts in `benchmarks/` measure it again, on your machine.*
#
# The paper's experiment is hundreds of small trainings. This project advances many of them in one step, the **stack**
# (see {doc}`../book/run_it`). What it is compared with is UF-AMA as research code is usually written: one run, source
# and target through the network one after the other, screening as a Python loop over windows, the linear MMD as a loop
# over pairs ({mod}`ufama.core.reference`). Both compute the same: with equal weights, in double precision and without
# dropout, every loss term and every parameter after a step of Adam agrees but for rounding, for both presets.

# %% [markdown]
# ## A step
#
# A stack's time is divided by its runs. On a CPU a step is arithmetic and memory traffic: what helps there is one pass
# for source and target together, no loop over windows, and products in `bf16` where the processor has them. The dashed
# line is three times as fast.

# %% mystnb={"figure": {"name": "fig-cost-ratio", "caption": "How many times faster than the plain reference a stack trains, per step and run, by its size; median and range of the repeats. Measured on noise of the shape of this page's data set."}}
page.show(cost.ratios(training, page.data.dataset))

# %%
cost.training_table(training)

# %%
whole

# %% [markdown]
# ## A whole table
#
# A table is more than its steps: batches are drawn, every epoch is evaluated, rules choose, label-free criteria are
# taken at chosen epochs, checkpoints and records are written. On a CPU the steps are most of it and evaluation is nearly
# all the rest; on a GPU, where a step is short, everything counts.

# %%
tables = cost.stored("table")
cost.phases_table(tables)

# %%
from IPython.display import Markdown

Markdown(cost.whole_table_note(tables))

# %% [markdown]
# ## A GPU
#
# A run of its own is too small for a GPU: hundreds of short kernels, and the processor that starts them, take the time.
# There a stack is as large as the memory allows, a step is captured once and replayed, and attention is PyTorch's fused
# kernel.

# %%
checks = [cost.stored(name) for name in ("tests", "equality", "campaign")]
Markdown(f"{cost_gpu.gpu_note(training + tables)} {cost_gpu.checks_note(*checks)}")

# %% [markdown]
# An earlier version has been measured. Its numbers show what was to be done since: more than half of a table's time was
# not the step, the attention that is fast on a CPU was slow there, and a limit just before the end lost a whole table,
# because its runs were one stack that stored its records at its end.

# %%
(earlier,) = cost.stored("earlier_gpu")
cost_gpu.earlier_steps_table(earlier)

# %%
Markdown(cost_gpu.earlier_tables_note(earlier))

# %%
cost_gpu.earlier_attention_table(earlier)

# %% [markdown]
# ## Memory
#
# Activations that wait for the backward pass, weights and Adam's moments grow with the runs of a stack. A smaller stack
# needs less and is, from a certain size on, hardly slower; a campaign on a CPU has small stacks, or those that it finds
# fastest.

# %%
memory = training + cost.stored("memory")
Markdown(cost.memory_note(memory))

# %%
cost.memory_table(memory)

# %% [markdown]
# ## Larger data
#
# One size at a time. People make more runs and hardly longer ones, since an epoch is one pass over the target; windows of
# a recording make an epoch longer in proportion; EEG tokens make a step longer, in these sizes by less than in
# proportion, because the eye's tokens and the losses cost the same as before.

# %% mystnb={"figure": {"name": "fig-cost-scaling", "caption": "Seconds of one run's epoch against people, windows of a recording and EEG tokens; median and range of the repeats, both axes logarithmic. Measured on noise of SEED's shape."}}
(scaled,) = cost.stored("scaling")
page.show(cost.scaling(scaled))

# %%
cost.scaling_table(scaled)

# %% [markdown]
# ## Does precision cost accuracy?

# %%
precision = cost.stored_precision()
cost.precision_table(precision) if precision else Markdown("Not measured yet: all stored accuracies are of float32.")

# %% tags=["remove-input"]
Markdown(cost.precision_note(precision or []))

# %% [markdown]
# ## Crash recovery
#
# A campaign keeps finished runs and, every few minutes, the middle of those in training. A stress script kills a small
# campaign at random moments, starts it again, and compares every record with those of an uninterrupted campaign.

# %%
Markdown(cost.kills_note(cost.stored("kills")))

# %% [markdown]
# ## What this does not show
#
# - What another computer needs: ratios travel further than hours.
# - What the whole book costs: this page counts steps and tables.
