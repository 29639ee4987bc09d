# %% [markdown]
# # Adding a method

# %% tags=["parameters", "hide-input"]
dataset = "seed"  # "seed", "seed_iv", or the path of a two-modality .npz
data_root = None  # folder of your own copy; None: UFAMA_SEED / UFAMA_SEED_IV, else the simulated set
require_real = False  # True: refuse to work on simulated recordings
device = "cpu"

# %% tags=["hide-input"]
from ufama.pages.page import open_page
from ufama.report.page_head import head

page = open_page("add_a_method", globals())
head(
    "How is a method added to the comparison?",
    [
        "A file that names a configuration, what tuning may try and the loss terms of a step is a method: it is checked "
        "by properties, tuned with the budget of all others, and gets its rows in every table of the comparison."
    ],
    evidence={"the-whole-file": "the file", "the-contract": "the check"},
    caveat="Simulated recordings, two folds at scale quick: an example, not a result.",
)

# %% [markdown]
# *Cost: about ten seconds on one core; nothing is stored. Two folds at scale `quick`, in double precision so that the
# numbers below do not depend on the processor.*
#
# A method is one file that ends in `METHOD = MyMethod()`. In `ufama/methods/` it is found by itself; anywhere else
# it is named by its module, `"my_module:METHOD"`. This page writes such a file, checks that it keeps the contract of
# {class}`ufama.methods.contract.Method`, and trains it beside two others.

# %% [markdown]
# ## The whole file
#
# Entropy minimisation: cross-entropy on the source, and on the target the entropy of the network's own answer, so that
# the boundary between classes moves out of the target's crowds ({cite:t}`Grandvalet2004`). `PlainMethod` brings the
# network, the optimiser and everything else that the contract asks for. What is left to say is a name, what tuning may
# try, and the terms of a step. Every loss has one value per run, `(R,)`: a stack of trainings advances in one step, and
# nothing mixes them.

# %% tags=["teaches"]
SOURCE = '''
"""Entropy minimisation (Grandvalet and Bengio, 2004) on the plain network."""

from dataclasses import dataclass

import torch

from ufama.core import losses
from ufama.core.objective import Terms
from ufama.methods.bases.plain import PlainConfig, PlainMethod


@dataclass(frozen=True, kw_only=True)
class EntropyConfig(PlainConfig):
    entropy_weight: float = 0.1


class EntropyMinimisation(PlainMethod):
    name = "entropy_minimisation"
    title = "Entropy minimisation"
    source = "Advances in Neural Information Processing Systems 17 (2004)"
    checked_against = "the contract on this page"
    defaults = EntropyConfig()
    search = {"learning_rate": (3e-4, 1e-3, 3e-3), "entropy_weight": (0.03, 0.1, 0.3)}

    def terms(self, config, step, state):
        classification = losses.cross_entropy(step.source.logits, step.source_label).mean(-1)
        sure = step.target.logits.log_softmax(-1)
        entropy = -(sure.exp() * sure).sum(-1).mean(-1)
        one = torch.ones_like(classification)
        weights = {"classification": one, "target_entropy": config.entropy_weight * one}
        return Terms({"classification": classification, "target_entropy": entropy}, weights, {}, state)


METHOD = EntropyMinimisation()
'''

# %% tags=["teaches"]
import sys
import tempfile
from pathlib import Path

from IPython.display import Markdown

from ufama.methods import method

folder = Path(tempfile.mkdtemp())
(folder / "entropy_minimisation.py").write_text(SOURCE)
sys.path.insert(0, str(folder))
mine = method("entropy_minimisation:METHOD")
Markdown(f"{mine.title}: {mine.inputs}; a file of {len(SOURCE.strip().splitlines())} lines.")

# %% [markdown]
# ## The contract
#
# Three properties that every method has to have. Every parameter that it gives to the optimiser moves. Two trainings in
# one stack are the two trainings alone: nothing of one reaches the other. And the labels of the target reach nothing:
# permuted, they leave every trained number as it was. {func}`ufama.training.check.check_method` trains a few steps in
# double precision and compares.

# %% tags=["teaches"]
from ufama.training.check import check_method

print(check_method(mine, page.windows.subsample(6)))

# %% [markdown]
# The methods of the package pass these and more in `tests/`.
#
# ## Beside two others
#
# The same two folds, seed and number of steps for all. The records go to the folder made above and end with it: a file
# that is still being changed must not be answered by an older record. In a campaign, `version` does that: raise it when
# the same settings train to other results.

# %% tags=["teaches"]
from ufama.config import TrainingConfig
from ufama.data.folds import folds
from ufama.campaigns.run import results
from ufama.campaigns.experiments import Experiment
from ufama.campaigns.results import RunStore
from ufama.analysis.evaluation import accuracy
from ufama.analysis.titles import RULE_TITLES
from ufama.report.captions import column_group, keys, measured_on
from ufama.report.table import Table

names = [fold.name for fold in folds(page.windows, "cross_subject")]
common = {
    "data": page.data, "scale": "quick", "fold_names": (names[0], names[-1]),
    "training": TrainingConfig(precision="float64", criteria="none"),
}
grid = [Experiment(method=name, **common) for name in ("source_only", "dann", "entropy_minimisation:METHOD")]
found = results(grid, store=RunStore(folder / "runs"), device=page.device, workers=1)
scores = 100 * accuracy(found).pivot_table(index="method", columns="rule", values="accuracy_windows")
columns = [*keys(method="method"), *column_group({rule: RULE_TITLES[rule] for rule in scores}, "accuracy over windows (%)", 1)]
Table("example", scores.reset_index(), columns, f"The new method beside two others. {measured_on(found.runs)}; n = 2 folds.")

# %% [markdown]
# Accuracy over windows in percent, the mean of two people: enough to see that the method learns, far too few to say
# which is better. For that, move the file to `ufama/methods/` and run
#
# ```
# ufama methods
# ufama tune --methods entropy_minimisation
# papermill notebooks/comparison.ipynb out.ipynb -p methods entropy_minimisation,dann
# ```
#
# which lists it, tunes it with the budget of all others, and gives it its rows in the tables of {doc}`comparison`.

# %% [markdown]
# ## What this does not show
#
# - Which method is better: two people cannot say.
# - That a method which keeps the contract is written as its paper means it: that needs a comparison with its source.
