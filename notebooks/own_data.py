# %% [markdown]
# # Your own data

# %% tags=["parameters", "hide-input"]
dataset = "example.npz"  # path of your own table; this name: the made-up one of this page
scale = "quick"  # "quick" or "paper"
seeds = [0]
device = "cpu"

# %% tags=["hide-input"]
from ufama.pages.page import open_page
from ufama.report.page_head import head
from ufama.storage import workspace

page = open_page("own_data", globals())
is_example = dataset == "example.npz"
file = workspace() / "own_data" / dataset if is_example else dataset
head(
    "How do recordings of your own become a table, and what do you look at first?",
    [
        "Windows of two modalities with their labels and coordinates are enough. The accuracy of a plain classifier with "
        "each person's session scaled by itself is the number to beat; adaptation is compared with the same network "
        "without it, person by person."
    ],
    evidence={"what-a-plain-classifier-reaches": "the plain classifier", "adapt": "with and without adaptation"},
    caveat="Numbers of the example are of made-up people, few windows and a training of seconds.",
)

# %% [markdown]
# *From a table of your own recordings to an adapted result. Cost: about half a minute on one core.*
#
# Nothing in the method needs emotions, EEG or eyes. It needs windows of two modalities from several people, and labels
# of the people it learns from. This page builds such a table from made-up numbers, writes it to a file,
# and takes the file through everything that the book does with SEED. To follow it with yours, write the file and skip
# to *Open it*.

# %% [markdown]
# ## Arrays
#
# One row per window. The first modality may be a sequence of tokens with features (channels with bands, joints with
# angles, or a single token with all features); the second is a plain vector. `subject`, `session` and `trial` say
# which windows belong together, and that is what the protocols hold out. Here: five people, two sessions, three
# classes of two trials each, eight windows per trial. **Everybody is simulated**: a class has a pattern, each person's
# session has an offset of its own, and the rest is noise.

# %% tags=["teaches"]
import numpy as np

draw = np.random.default_rng(0)
people, sessions, trials, windows_each = 5, 2, 6, 8
tokens, names_a, names_b = ("left", "middle", "right"), ("slow", "fast"), ("rate", "depth", "level", "change")

grid = np.stack(np.meshgrid(*map(np.arange, (people, sessions, trials, windows_each)), indexing="ij"), axis=-1)
subject, session, trial, window = grid.reshape(-1, 4).T
label = trial % 3

pattern_a, pattern_b = draw.normal(size=(3, 3, 2)), draw.normal(size=(3, 4))
offset_a, offset_b = 2 * draw.normal(size=(people, sessions, 3, 2)), 2 * draw.normal(size=(people, sessions, 4))
modality_a = pattern_a[label] + offset_a[subject, session] + 1.5 * draw.normal(size=(len(label), 3, 2))
modality_b = pattern_b[label] + offset_b[subject, session] + 1.5 * draw.normal(size=(len(label), 4))
modality_a.shape, modality_b.shape

# %% [markdown]
# ## A file
#
# {func}`~ufama.data.two_modality.two_modality_windows` checks the arrays and names what is wrong with them;
# {func}`~ufama.data.two_modality.write_two_modality` writes an `.npz` or a Parquet table, by the file's extension. The names, the
# length of a window, the licence and the citation are optional, and travel with every result. Say `simulated=True`
# when nobody was recorded, and every table will say so.

# %% tags=["teaches"]
from ufama.data.two_modality import two_modality_windows, write_two_modality

made = two_modality_windows(
    modality_a=modality_a, modality_b=modality_b, label=label,
    subject=subject + 1, session=session + 1, trial=trial + 1, window=window,
    a_tokens=tokens, a_names=names_a, b_names=names_b, class_names=("rest", "easy", "hard"),
    name="three tasks", window_seconds=2.0, licence="Made up in this notebook; no rights reserved.", simulated=True,
)  # fmt: skip
if is_example:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_two_modality(file, made)

# %% [markdown]
# Without this package, the same file is `numpy.savez` with members of these names:
#
# | member | shape | |
# | --- | --- | --- |
# | `modality_a` | (n, tokens, features), or (n, features) | required |
# | `modality_b` | (n, features) | required |
# | `label` | (n,) whole numbers, one in each trial | required |
# | `subject`, `session`, `trial` | (n,) whole numbers | required |
# | `window`, `clip` | (n,) position in the trial; identity of the stimulus | optional |
# | `a_tokens`, `a_names`, `b_names`, `class_names` | text | optional |
# | `name`, `window_seconds`, `licence`, `citation`, `notes`, `simulated` | | optional |
#
# In Parquet a row is a window: columns `label`, `subject`, `session`, `trial`, then `a/TOKEN/FEATURE` for the first
# modality and `b/FEATURE` for the second (such as `a/left/slow` and `b/rate`); what is optional above is in the
# table's `attrs` of pandas.
#
# What is wrong is an error that names the array or column; what can be read but should be known, such as a person with
# few windows, is a note on the data card.
#
# ## Open it

# %% tags=["teaches"]
from ufama.datasets import open_dataset
from ufama.data.folds import fold_remarks, folds
from ufama.data.remarks import impossible_protocols

windows = open_dataset(file)
card = windows.card
length = f" of {card.window_seconds} s" if card.window_seconds else ""
print(card.title, "|", len(windows), f"windows{length} |", ", ".join(card.class_names))
print(len(card.eeg_tokens), "tokens x", len(card.eeg_features), "features, and", len(card.eye_features), "features")
print("licence:", card.licence)
for note in card.notes:
    print("note:", note)
impossible = impossible_protocols(windows)
for protocol in ("cross_subject", "cross_subject_pooled", "cross_session"):
    if protocol in impossible:
        print("not possible:", impossible[protocol])
        continue
    made = folds(windows, protocol)
    print(protocol, len(made), "folds, such as", made[0].name, "with", len(made[0].target), "windows to predict")
    for remark in fold_remarks(windows, made):
        print(" ", remark)

# %% [markdown]
# ## What a plain classifier reaches
#
# Look at this number before any other. A support vector machine sees the same windows under the same folds: with the
# source's scaling alone, then with each person's session scaled by itself. The step between the two is what removing
# offsets is worth, before any method. With permuted labels it must fall to chance (here a third); if it does not,
# something in the table leaks the label. People are held out with all their sessions where there are several; with
# one person, sessions are.

# %% tags=["teaches"]
from ufama.studies.baseline import svm_rows
from ufama.report import real_recordings

protocol = "cross_session" if "cross_subject_pooled" in impossible else "cross_subject_pooled"
plain = real_recordings.svm(windows, svm_rows(windows, protocol=protocol))
plain

# %% [markdown]
# ## Adapt
#
# The same network twice, with the same seeds and batches: trained on the source's labels alone, and with all of UF-AMA,
# which also sees the target's windows but never their labels. {func}`~ufama.campaigns.adaptation.adaptation` takes the
# paper's batch of 32, and all of a target that has fewer windows. This page computes in double precision, so that it
# comes out alike on every processor.

# %% tags=["teaches"]
from dataclasses import replace

from ufama.campaigns.adaptation import adaptation
from ufama.campaigns import run

block = adaptation(file, protocol=protocol, scale=page.scale, seeds=page.seeds)
block = replace(block, training=block.training.replace(precision="float64"))
results = run.results([block], device=page.device, workers=1, notify=print)
trained = real_recordings.adapted(results)
trained

# %%
real_recordings.gain(results)

# %% tags=["remove-input"]
from IPython.display import Markdown

Markdown(real_recordings.plain_beside_adapted(plain, trained))

# %% [markdown]
# Read the rule `last` or `source validation`: `oracle` looks at the labels of the people it predicts, which you will
# not have. A change that is smaller than its spread over folds, or that goes up in some folds and down in others, is
# no result. These numbers are of simulated people and say that the path works, nothing about the method.
#
# ## Run it on your data
#
# ```bash
# ufama svm recordings.npz --protocol cross_subject_pooled
# ufama evaluate recordings.npz --protocol cross_subject_pooled --seeds 0,1,2,3,4 --out table.csv
# papermill notebooks/own_data.ipynb mine.ipynb -p dataset recordings.npz -p seeds 0,1,2
# ```
#
# Add `--thin` when neighbouring windows are nearly equal, as after smoothing. A finished run is kept and not trained
# again. {doc}`real_recordings` shows what this gives on two openly licensed sets of real people.

# %% [markdown]
# ## What this does not show
#
# - What adaptation gives on your recordings: the example is made up so that it has something to remove.
# - That a difference of a few points between two rows is more than chance: five people say little ({doc}`certainty`).
