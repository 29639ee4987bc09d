# %% [markdown]
# # The emotion or the film?

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
from ufama.campaigns.grids import CONTRASTED, controls_grid, ladder_grid, protocols_grid
from ufama.pages.page import open_page
from ufama.report import findings, measured, protocols, stimuli
from ufama.report.page_head import head
from ufama.studies.stimuli import clip_decoding, clip_strength

page = open_page("protocols", globals())
seed_iv = page.seed_iv
every = [
    one.results(protocols_grid(one.data, **one.choices) + controls_grid(one.data, **one.choices))
    for one in page.each_dataset()
]
complete = {"protocol": "cross_subject", "variant": "M6"}
side_by_side = [
    protocols.protocols_table(select(own, control=""), one.windows)
    for one, own in zip(page.each_dataset(), every, strict=True)
]
controls = [protocols.controls_table(select(own, **complete)) for own in every]
results = every[0]
if seed_iv:
    iv_results = every[1]
head(
    "Does a model recognise the emotion, or the film that is running?",
    [findings.protocols(*tables) for tables in zip(side_by_side, controls, strict=True)],
    evidence={"fig-clip-strength": "what a clip's own trace does", "fig-controls": "the controls"},
    runs=[own.runs for own in every],
    caveat="How much of a clip people share is a parameter of the simulator: the page shows what the controls can find, "
    "not what SEED holds.",
    left_out=page.left_out(protocols=CONTRASTED, clips=True),
)

# %% [markdown]
# *Ledger row 22. Cost: about half a minute when the runs are stored; at scale `quick` some minutes on two cores.*
#
# In SEED everybody watches the same fifteen clips in the same order, three times. A network that distinguishes the clips
# distinguishes the emotions, because every clip has one. Accuracy alone cannot say which of both it did: a bright clip moves
# every pupil, a loud one wakes everybody, and neither is an emotion. This page collects what can be said, with controls
# that take one explanation away at a time. On the simulated sets the truth is known, so one can see what a control is
# able to show.

# %%
page.show(measured.provenance(results))

# %% [markdown]
# ## Protocols side by side
#
# Whom and what has the source seen? *cross-subject*: other people, the same clips. *cross-session*: the same people, in
# SEED with the same clips, in SEED-IV with others. *Unseen person in an unseen session*: other people, and in SEED-IV other
# clips; only there does a high accuracy speak for the emotion. The column *position in the session* reads no signal at
# all: it guesses the label that this position had in the source.

# %%
page.show(side_by_side[0])

# %%
if seed_iv:
    display(seed_iv.show(side_by_side[1]))

# %% [markdown]
# ## Is the unseen session harder?
#
# Not every difference between two protocols is one of difficulty. Cross-subject learns from the other people's recordings
# of the same session, and its neighbour from all their recordings of the *other* sessions: with three sessions twice as
# many. To tell the size of the source from its session, a ridge classifier is trained with both, and with one other
# session at a time, which is as large as the tested one's. Code: {func}`ufama.studies.stimuli.source_sessions`.

# %%
from IPython.display import Markdown

from ufama.report import source_size
from ufama.studies.stimuli import source_sessions

unchanged = {"control": "", "variant": "M6"}
tested = set(select(results, protocol="cross_subject", **unchanged).runs["fold"])
by_source = source_sessions(page.windows, tested)
page.if_allowed(
    lambda: page.show(source_size.sources_table(by_source, page.windows)), protocols=["cross_subject_session"]
)

# %%
if page.several_sessions:
    display(Markdown(source_size.reading(select(results, **unchanged), by_source)))

# %%
if seed_iv:
    iv_tested = set(select(iv_results, protocol="cross_subject", **unchanged).runs["fold"])
    iv_by_source = source_sessions(seed_iv.windows, iv_tested)
    display(
        seed_iv.show(source_size.sources_table(iv_by_source, seed_iv.windows)),
        Markdown(source_size.reading(select(iv_results, **unchanged), iv_by_source)),
    )

# %% [markdown]
# ## Controls
#
# - *constant eye rows removed*: some eye features have one value for a whole trial, which names the trial.
# - *dropped* (zeros) and *replaced by noise*: how much of the accuracy does one modality carry alone?
# - *labels shuffled*: every person's trials get their labels in another order. Nothing can be learned; what is far from
#   the level below is a mistake in the code or luck.
# - *clips relabelled*: see below.

# %% mystnb={"figure": {"name": "fig-controls", "caption": "UF-AMA on recordings with something taken away, cross-subject, rule: source validation; mean and 95 % interval. The set is that of this page's parameter."}}
page.show(protocols.controls_figure(select(results, **complete), rule="source_validation"))

# %%
page.show(controls[0])

# %%
if seed_iv:
    display(seed_iv.show(controls[1]))

# %% [markdown]
# ## The level of shuffled labels
#
# A recording keeps its {math}`n_c` trials of each class and gets them in another order, drawn for each person and session
# by itself. Whatever a network has learned from the others, each tested trial then has label {math}`c` with probability
# {math}`n_c / n`, and the expected accuracy is
#
# $$
# \sum_c q_c \, \frac{n_c}{n} , \qquad q_c \text{ the share of predictions that name } c ,
# $$
#
# exactly {math}`1 / C` where a recording has equally many trials of each class. It would lie below if the labels *of one
# clip* were balanced over subjects: who is held out then has the label that the others have less often. Labels that are
# balanced over the clips of one person do nothing of that kind. A test goes through all orders of a small design.
#
# The mean over a dozen recordings scatters around it, and an interval over subjects does not show how far: all of them
# have one and the same draw of labels. Code: {mod}`ufama.analysis.permutation`.

# %%
from ufama.report import shuffled

with_shuffled_labels = {"control": "labels_shuffled", "variant": "M6"}
page.show(shuffled.shuffled_table(select(results, **with_shuffled_labels), page.windows))

# %%
Markdown(shuffled.reading(select(results, **with_shuffled_labels), page.windows))

# %%
if seed_iv:
    display(Markdown(shuffled.reading(select(iv_results, **with_shuffled_labels), seed_iv.windows)))

# %% [markdown]
# ## Clips with random labels
#
# Here the clips get labels at random, the same for all people, and each emotion's clips get every label as evenly as
# possible. Someone who recognises emotions perfectly, and nothing else, stays near chance: the table's caption says how
# far knowing the emotion can carry. What is reached beyond that is the clip. Where the test clips were never in the
# source, there is nothing to recognise.

# %%
page.show(protocols.relabelled_table(select(results, control="clips_relabelled"), page.windows))

# %%
if seed_iv:
    display(seed_iv.show(protocols.relabelled_table(select(iv_results, control="clips_relabelled"), seed_iv.windows)))

# %% [markdown]
# ## Is the clip in the signals?
#
# A support vector machine is asked which of the clips *of one emotion* an unseen person was watching, so that the emotion
# is of no help.

# %%
page.if_allowed(
    lambda: page.show(stimuli.clip_decoding_table(clip_decoding(page.windows), page.windows)), clips=True
)

# %%
if seed_iv:
    display(seed_iv.show(stimuli.clip_decoding_table(clip_decoding(seed_iv.windows), seed_iv.windows)))

# %% [markdown]
# ## With known truth
#
# In the simulator the clip-specific component is a number,
# {attr}`~ufama.simulation.features.ModalitySettings.clip`: a pattern that all people share while they watch a clip, apart from
# what they feel. Where it is zero, everything that is recognised is the emotion. Where it is larger, a classifier that has
# seen the clips gains, and in an unseen session with other clips it does not, or even loses: it has learned the clips. This
# is SEED-IV's layout, whose sessions have their own clips.

# %%
strength = clip_strength("seed_iv")
(seed_iv or page).show(stimuli.clip_strength_table(strength, "simulated SEED-IV", people=8))

# %% mystnb={"figure": {"name": "fig-clip-strength", "caption": "A plain classifier on simulated SEED-IV (eight people, every sixteenth window) while the clip-specific component grows. Solid: clips that the source has seen. Dotted: an unseen person in an unseen session, with other clips. Nothing is trained but a support vector machine; no selection rule."}}
page.show(stimuli.clip_strength_figure(strength, title="simulated SEED-IV", classes=4))

# %% [markdown]
# How large the clip-specific component of real recordings is, is unknown. The same controls measure it on your copy:
#
# ```
# UFAMA_SEED=/data/SEED UFAMA_SEED_IV=/data/SEED_IV papermill notebooks/protocols.ipynb out.ipynb -p require_real true
# ```
#
# On real recordings, read the rows *clips relabelled* and *unseen person in an unseen session* first. And mind that clips
# of one emotion differ in how strongly they move people: part of what distinguishes them may be the intensity of the emotion. A
# set with many clips per emotion, each seen by some people only, would decide it; these two sets cannot.
#
# ## How much of the target is seen
#
# UF-AMA adapts to the very trials that it is tested on, without their labels: it is transductive. So is the scaling of
# every recording by its own values. Here a third of the target's trials is put aside, the same for each row, and the
# method sees more and more of the rest. M2 uses the target for the scaling only; M6 adapts to it as well. In the first row
# even the scaling is the source's. Every condition takes equally many training steps.

# %% mystnb={"figure": {"name": "fig-ladder", "caption": "Accuracy on the held-out third of the target's trials against what was seen of the target, rule: source validation; mean and 95 % interval. Cross-subject, the set of this page's parameter."}}
rungs = page.results(ladder_grid(page.data, **page.choices))
page.show(protocols.ladder_figure(rungs, rule="source_validation"))

# %%
page.show(protocols.ladder_table(rungs))

# %%
if seed_iv:
    display(seed_iv.show(protocols.ladder_table(seed_iv.results(ladder_grid(seed_iv.data, **seed_iv.choices)))))

# %% [markdown]
# ## What this does not show
#
# - How strong the trace of the clips is in real recordings: on two angles of the head and fixations it is measured on the
#   page {doc}`same_film`; for EEG it needs your licensed copy.
# - That a model which passes the controls recognises an emotion: an emotion and what clips of one emotion share are not
#   told apart by labels that belong to clips.
# - How the controls would end after a longer training.
