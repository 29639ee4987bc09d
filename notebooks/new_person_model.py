# %% [markdown]
# # A model for new people

# %% tags=["parameters", "hide-input"]
dataset = None  # None: the stored model, of simulated SEED; "seed", "seed_iv": fit one, to your copy where one is named
scale = "quick"  # of the fit: "quick" or "paper"
device = "cpu"

# %% tags=["hide-input"]
from ufama.config import DATASETS
from ufama.models.folder import load_model, save_model
from ufama.pages.page import open_page
from ufama.pages.parameters import checked_parameters
from ufama.report import findings, trust
from ufama.report.page_head import head
from ufama.report.training_size import paper_sentence, size_sentence
from ufama.storage import workspace
from ufama.studies.new_person import example_model, stored_model

if checked_parameters(globals())["dataset"] is None:
    folder = stored_model()
else:
    page = open_page("new_person_model", globals(), only=DATASETS)
    folder = workspace() / "new_person" / f"{page.data.name}-{page.scale}"
    save_model(example_model(page.data.dataset, scale=page.scale, device=page.device), folder)

model = load_model(folder)
learnt = trust.learnt(model)
head(
    "What has to be kept so that a stranger's recording can be predicted, and the prediction be judged?",
    [findings.new_person_model(learnt)],
    evidence={"the-folder": "the three files", "what-it-knows-about-itself": "what held-out people taught"},
    caveat=f"Fitted to {model.card.title}: {model.source['subjects']} people, {model.source['recordings']} recordings.",
    size=[
        size_sentence(
            model.scale,
            steps=[model.source["steps"]],
            windows=f"{model.source['windows']:,} windows",
            counts=[sum(weight.numel() for weight in model.network.parameters()) // len(model.seeds)],
            seeds=model.seeds,
            precisions=[model.training.precision],
        ),
        paper_sentence(),
    ],
)

# %% [markdown]
# *From SEED's layout to a folder that predicts. Cost: seconds with the stored model; fitting it again takes about three
# minutes on two cores.*
#
# Every table of this book holds somebody out, trains, counts, and throws the network away. A laboratory wants the
# opposite: train once on the people whose labels are known, keep what was learnt, and use it for the next person who
# sits down. **What has to be kept, so that a stranger's recording can be predicted, and so that it can be known how far
# to trust the prediction?**

# %% [markdown]
# ## Fit
#
# One command, or one function, reads the recordings of a release or of a table of your own, trains UF-AMA on all of
# them, and then once more without each person in turn:
#
#     ufama fit seed --scale quick --out model
#     ufama fit my_table.npz --out model
#
# The trainings without one person are what a single training cannot give: an accuracy on people whom the network has
# not met, probabilities that mean something, and what to expect of the next person. (The stored model was fitted to
# every sixth window, as all quick results of this book.)
#
# ## The folder
#
# Three files, no pickle, nothing that could run. `model.safetensors` holds numbers alone, `config.json` all settings,
# and `README.md` says it in words.

# %%
for path in sorted(folder.iterdir()):
    print(f"{path.name:<20}{path.stat().st_size / 1000:6.0f} kB")

# %%
from IPython.display import Markdown

from ufama.report.lists import listed

facts = {
    "method": f"{model.method}, {model.variant}, preset {model.preset}, scale {model.scale}",
    "fitted to": f"{model.source['subjects']} people, {model.source['recordings']} recordings of {model.card.title}",
    "classes": model.class_names,
    "EEG": f"{len(model.card.eeg_tokens)} channels, {len(model.card.eeg_features)} bands: {', '.join(model.card.eeg_features)}",
    "eye movement": f"{len(model.card.eye_features)} features",
    "windows": f"{model.card.window_seconds:g} s",
    "a new recording is scaled": model.training.scaling,
}
Markdown(listed(facts))

# %% [markdown]
# ## The card
#
# What somebody reads who gets the folder by mail. It names the data and their licence, how a new recording is scaled,
# and the accuracy with its protocol.

# %%
print((folder / "README.md").read_text().split("---\n", 2)[2])

# %% [markdown]
# ## What it knows about itself
#
# Held-out people teach four things about every branch of the network. A *temperature* ({cite:t}`Guo2017`): the
# probabilities :math:`p` become :math:`\mathrm{softmax}(\log p / T)`, with the :math:`T` of the least negative
# log-likelihood. Two *estimates of the accuracy* on a recording without labels, average thresholded confidence
# ({cite:t}`Garg2022`) and difference of confidences ({cite:t}`Guillory2021`), beside a constant guess. An *interval*:
# how wrong these were about people left out. And the *thresholds* below which not to answer.

# %%
learnt

# %%
trust.learnt_estimates(model)

# %% [markdown]
# An estimator that looks at the recording is worth its name only where it beats the constant guess, the mean accuracy of
# the others. The column *reported* is the one with the least error on these people, and that may be the constant. How
# far all of this holds for people who taught nothing is measured two pages on ({doc}`new_person_trust`).
#
# ## What it refuses
#
# A network computes a class from any numbers. The folder knows which numbers it was fitted to.

# %% tags=["teaches"]
from dataclasses import replace

from ufama.datasets import open_dataset
from ufama.errors import UserError
from ufama.models.predictions import predict
from ufama.models.reading import recording_of

windows = open_dataset(model.source["name"])
person = windows.subject == windows.subject.min()
recording = recording_of(windows.select(person & (windows.session == 1)))
volts = recording.windows._replace(eeg=recording.windows.eeg - 39.86)  # log2(1e12): V^2 instead of uV^2
for wrong in (
    replace(recording, eeg_tokens=("FPX", *recording.eeg_tokens[1:])),
    replace(recording, window_seconds=1.0),
    replace(recording, windows=volts),
):
    try:
        predict(model, wrong)
    except UserError as error:
        print(f"{type(error).__name__}: {error}\n")

# %% [markdown]
# ## In Python
#
# The same model is an estimator with the contract of scikit-learn, and with skada's convention for domains: labels of
# −1 mark the windows of the person to adapt to.
#
#     from ufama import Adapter
#
#     adapter = Adapter(method="ufama", scale="quick", held_out="people").fit(windows, windows.label)
#     adapter.adapt(new_person).predict_proba(new_person)
#     adapter.save("model")
#
# {class}`~ufama.models.estimator.Adapter` works in pipelines, grid searches and cross-validation.

# %% [markdown]
# ## What this does not show
#
# - How good the stored model is on real people: its people are simulated.
# - That its statements about itself hold for somebody who taught it nothing: that is measured on the page
#   {doc}`new_person_trust`.
# - What a longer training would keep: the folder is the same, the numbers are others.
