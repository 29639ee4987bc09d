# %% [markdown]
# # The same film or the same feeling?

# %% tags=["parameters", "hide-input"]
dataset = None  # None: the stored results; or the table that `ufama data convert ceap360` made of your own download
device = "cpu"

# %% tags=["hide-input"]
from IPython.display import Markdown

from ufama.campaigns.grids import same_film_grid
from ufama.campaigns.results import published_folder, read_published
from ufama.pages.page import DescribedFigure, open_page
from ufama.pages.parameters import checked_parameters
from ufama.report import findings, same_film
from ufama.report.lists import cards
from ufama.report.page_head import head
from ufama.studies.same_film import stored_clips, trial_clips

if checked_parameters(globals())["dataset"] is None:
    results = read_published(published_folder() / "real-same-film")
    studies, clips = same_film.stored(published_folder() / "real_same_film"), stored_clips(results)
else:
    page = open_page("same_film", globals())
    same_film.check_design(page.data)
    results = page.results(same_film_grid(page.data, scale="quick"))
    studies, clips = same_film.measured(page.data), trial_clips(page.windows)
runs = results.runs
outcomes = same_film.all_outcomes(results, studies, clips)
cells, intervals = same_film.cells_table(outcomes, runs), same_film.intervals_table(outcomes, runs)
head(
    "Does a model recognise the emotion, or the film that is running, where people are real and the clips can be new?",
    findings.same_film(cells, intervals),
    evidence={"fig-same-film": "same and other clips", "every-method": "every method"},
    runs=runs,
    caveat="Eyes and heads in a headset, no EEG, and few clips: one for each quadrant and block.",
)

# %% [markdown]
# *Real people, eyes and heads in a headset, no EEG. Cost: seconds on one core, as the page shows stored results; on your
# own download every method is retrained, which takes much longer. n and seed are in every caption.*
#
# Does a model recognise the emotion, or the film that is running? Where the films of the test are those of the training,
# accuracy alone cannot tell; new clips can.

# %% tags=["hide-input"]
Markdown(same_film.reading(outcomes, studies, runs))

# %% mystnb={"figure": {"name": "fig-same-film", "caption": "What is left when the clips are new. First panel, real: bold, a support vector machine with 95 % intervals over subjects; thin, each other method for other people (rule: source validation). Other panels: the same machine and the same design on simulated recordings in which people share the film alone, film and feeling as calibrated, or the feeling alone. Same people, same clips: the second half of every trial."}}
DescribedFigure(same_film.cells_figure(outcomes, studies, runs))

# %% [markdown]
# In most published comparisons the films of the test are those of the training: other people, same clips. Then there are
# two ways to be right. One is to have learnt what the emotion does to people. The other is to have learnt what the *clip*
# does to them, its cuts, its light, the place where something happens, and to know which emotion that clip stands for.
# This page sets both side by side, on real recordings and on simulated ones whose truth is known.
#
# ## The recordings
#
# CEAP-360VR {cite:p}`Xue2021`: people watched short affective 360-degree clips in a headset, in two blocks. Each block
# has one clip for each quadrant of valence and arousal (HVHA: high valence, high arousal, and so on), and the second
# block has *other* clips. That is SEED-IV's design in small: a session has clips of its own. The project holds no
# recording and no features of them, only the records of the runs, which name the licence, CC BY-NC 4.0.
# {mod}`~ufama.data.signals.ceap360` says how the table is made and {mod}`~ufama.data.signals.scanpath` what each
# feature is:
#
# ```
# ufama data convert ceap360 CEAP-360VR-Dataset.zip ceap360.npz
# papermill notebooks/same_film.ipynb out.ipynb -p dataset ceap360.npz
# ```
#
# `--labels own-valence` takes each person's own rating instead of the clip's quadrant, `--window-seconds` other
# windows; `ceap360-physiology` reads pupil, skin conductance and pulse where the download has them.

# %%
Markdown(cards(runs.data_card[runs.control == ""]))

# %% [markdown]
# ## Four questions
#
# Do the people of the test differ from those of the training, and do the clips? The rows of other people differ in nothing
# but the clips, and so do those of the same people.

# %%
same_film.design_table(studies, runs.data_title.iloc[0])

# %% [markdown]
# *Same people, same clips* learns the first half of every trial and predicts its second half: other moments of the same
# clips, from half as many windows.
#
# ## Every method

# %% tags=["tab-windows"]
cells

# %% tags=["tab-trials"]
same_film.cells_table(outcomes, runs, "trials")

# %% [markdown]
# Methods that lay the EEG out on the scalp cannot be run on two angles of the head and are not in the table. All others
# have their default settings; nothing was tuned on these recordings. The networks took few steps at scale `quick`, so the
# order of methods in the first column says little. With other clips several lie *below* chance, for people after people:
# what was learnt of four clips sends the four new ones to wrong quadrants, the same ones for most people (see the figure
# below). Four clips are four draws, however many windows they have.
#
# By most methods the same people's other half of a clip is recognised less often than other people are in the very
# moments that the source has seen, though the source knows both the person and the clip. What these carry over is not the
# clip as a whole and not a state that lasts as long as it does: it is what happens at a moment. HADUA is the clear
# exception: it reads sequences of windows, and recognises the person's other half most often of all.
#
# The last rows have permuted labels: what is then far above their level would be a fault of the protocol.

# %%
from ufama.analysis.evaluation import select
from ufama.report import shuffled

with_permuted_labels = select(results, control="labels_shuffled")
Markdown(shuffled.entries_reading(with_permuted_labels, rule=same_film.RULE, title=same_film.entry_name))

# %% [markdown]
# ## People and clips
#
# Whom is such a number about? An interval over subjects answers for other people who watch *these* clips. To say
# something of other clips one has to count clips, and there are few.

# %% tags=["tab-windows"]
intervals

# %% tags=["tab-trials"]
same_film.intervals_table(outcomes, runs, "trials")

# %% mystnb={"figure": {"name": "fig-same-film-clips", "caption": "Support vector machine, other people: each clip when the source has seen it and when it has not. The accuracy with other clips is near chance on average because some clips are taken for the right quadrant and others for a wrong one, the same for most people."}}
DescribedFigure(same_film.clips_figure(outcomes, runs))

# %% [markdown]
# For the support vector machine the loss from same to other clips is outside either interval, and what transfers, if
# anything, is too small to be seen with so few clips. They cannot tell a quadrant from its two clips, and a clip of
# another kind could behave differently.

# %%
Markdown(same_film.limits(outcomes, runs))

# %% [markdown]
# ## Does adaptation change that?

# %%
same_film.changes_table(outcomes, runs)

# %% [markdown]
# ## What the features tell of clip and person
#
# Aligning two domains is meant to remove what tells people apart and to keep what tells emotions apart. A linear probe
# shows what is there. *Which of the quadrant's clips* is the question for which the emotion is of no help: a network that
# had learnt the quadrant alone would leave chance there.

# %%
same_film.probes_table(studies, runs.data_title.iloc[0])

# %% [markdown]
# ## What such a pattern means: simulated recordings
#
# In the simulator the size of the clip-specific component is a parameter, and so is the emotion's. The same design was cut from
# simulated SEED-IV, one clip of each class in each of two sessions. If people share the film alone, new clips leave
# chance. If they share the feeling alone, the accuracy is *lower* with the same clips, and new clips cost little. A high
# number with the same clips followed by chance with others is the pattern of the film.

# %%
same_film.simulated_table(studies)

# %% [markdown]
# Predicting the second half of a trial from its first is perfect in all three, also where a clip leaves no trace: a
# simulated trial keeps whatever is peculiar to it from its first window to its last. Real eyes and heads do not. And with
# one clip of each class to learn from, even a feeling that is shared is hard to carry over; a design with more clips
# would be kinder.
#
# ### How strong is the film?
#
# The same design with the emotion as calibrated, while the clips' trace grows from nothing to four times its size. At
# each position of the slider the whole simulated set was drawn and measured several times. In the table above there is
# one draw, and eight clips of another draw can be easier or harder: that is what the intervals show.

# %%
from ufama.report.film_strength import StrengthSlider, strengths_table
from ufama.studies.film_strength import stored as stored_strengths

strengths = strengths_table(*stored_strengths())
StrengthSlider(strengths)

# %%
strengths

# %% [markdown]
# Where the clips leave no trace, the emotion is all that people share, and other clips cost little. The stronger the
# trace, the more often the same clips are recognised, until all are; with other clips the accuracy does not rise with it.
# The feeling is equally strong at every position, so an accuracy with the training's clips does not measure it.
#
# ## Beside the published numbers
#
# SEED-IV, too, has other clips in every session. Its two published columns are this page's diagonal: other people with
# the same clips, and the same people with other clips.

# %%
same_film.published_table(outcomes, runs)

# %% [markdown]
# These are different signals, different clips and another rule, so the rows are not a comparison of methods. They are a
# way to read the paper's table: in SEED-IV most of what lies above chance is still there across sessions, where each
# emotion has six clips to learn from and the people are known. What neither column says is how much would be left
# for *other people with other clips*. No published table that we know of prints it; the protocol
# `cross_subject_session` computes it on a licensed copy ({doc}`protocols`).
#
# ## What may be concluded
#
# - On these eyes and heads, what a classifier carries from person to person is which clip is running.
# - No method here, adapted or not, finds in two angles of the head and in fixations what the two clips of a quadrant
#   have in common.
# - A study that tests with the training's clips cannot tell these two apart, whatever its accuracy.
#
# ## What this does not show
#
# - That emotion leaves no trace in eyes or heads: few clips, one for each quadrant and block, a consumer headset,
#   features that leave out pupil and skin.
# - Anything about EEG, SEED or the paper's accuracies.
# - That adaptation is useless: it was given few steps and a task in which there may be nothing to find.
