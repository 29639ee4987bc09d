# %% [markdown]
# # A recording without labels

# %% tags=["parameters", "hide-input"]
dataset = "seed"  # whose layout the simulated recording has; the stored model is SEED's

# %% tags=["hide-input"]
from IPython.display import Markdown

from ufama.config import DATASETS
from ufama.models.folder import load_model
from ufama.pages.page import open_page
from ufama.report.lists import listed
from ufama.report.page_head import head
from ufama.report.timeline import timeline
from ufama.report.topography import occlusion_maps
from ufama.report.trust_sentences import against_truth
from ufama.storage import workspace
from ufama.studies.new_person import stored_model

page = open_page("new_person_report", globals(), only=DATASETS)
model = load_model(stored_model())
head(
    "What can be said about a recording without labels, and how sure?",
    [
        "A class for every window and trial, with a probability; an estimate of the accuracy with an interval; and "
        "warnings where the recording is unlike the source. How near each came is seen when the labels are read, last."
    ],
    evidence={"fig-new-person-timeline": "what the model says over time", "the-truth-once": "beside the labels"},
    caveat="One simulated recording of one person, and a stored model of simulated people: how a report reads, not how "
    "often it is right.",
)

# %% [markdown]
# *From an EDF and an eye stream to a report. Cost: about half a minute on one core.*
#
# Somebody sits down, watches clips for four minutes, and leaves: an EDF of 62 channels, a CSV of the eye tracker, and a
# list of when each clip began. No labels. **What can be said about this recording, and how sure?** Here the person is
# simulated, so that the truth can be looked at in the end, once.

# %% [markdown]
# ## The files
#
# The simulator of voltages ({doc}`simulator`) writes what a laboratory would hand over: voltages, pupil and gaze, events,
# borders of trials. Sixteen seconds of each of SEED's fifteen clips.

# %% tags=["teaches"]
from ufama.simulation.recording_files import write_simulated_recording

files = write_simulated_recording(page.data.dataset, workspace() / "new_person" / "recording", subject=14, seconds=16)
Markdown(listed(f"`{path.name}`" for path in sorted(files.iterdir())))

# %% [markdown]
# ## Read, matched, predicted
#
# The recipe in the model turns them into features: bands, windows, statistics of the eye. Channels are matched by name.
# On the command line it is one line, which also writes what this page shows:
#
#     ufama predict model recording.edf --out report

# %% tags=["teaches"]
import numpy as np

from ufama.models.predictions import predict
from ufama.models.reading import RecordingOptions, read_recording

recording = read_recording(files, model)
prediction = predict(model, recording, abstain_risk=0.05)
print(
    prediction.trials_table()[["trial", "windows", "start_s", "end_s", "class", "trusted_windows"]].to_string(
        index=False
    )
)

# %% mystnb={"figure": {"name": "fig-new-person-timeline", "caption": "What the model says over time: the class and its calibrated probability, of both modalities together and of each alone; dotted lines are borders of trials. One simulated person, sixty windows of 4 s, a model that was not adapted."}}
page.show(timeline(prediction, np.arange(len(prediction))))

# %% tags=["teaches"] mystnb={"figure": {"name": "fig-new-person-maps", "caption": "Which channels and bands the answer rests on: each was replaced by its mean over the recording, and the probability of the named class looked at again. Red: it fell, so the network had used it for the class; blue: it rose. This describes the network, not the brain."}}
from ufama.models.occlusion import occlusion

hidden = occlusion(model, prediction)
page.show(
    occlusion_maps(
        hidden.change, recording.eeg_tokens, recording.eeg_features, prediction.class_names, hidden.windows.tolist()
    )
)

# %% [markdown]
# ## How sure?

# %%
Markdown(listed((*prediction.expected.notes, *prediction.warnings)))

# %% [markdown]
# The estimates are learnt from people of the source, and lie far from each other here; the distances say that this
# recording is not like theirs. It cannot be: the model was fitted to features that one simulator drew, and this recording
# comes from another simulator, of voltages. Both have SEED's layout and little else in common, as two laboratories may.
#
# ## Adapted to the recording
#
# The model has not met this person. With its source at hand, `--adapt` retrains UF-AMA, with the source's labels and
# this recording without any; where the source is elsewhere, the model is adapted without it.

# %% tags=["teaches"]
from ufama.models.adapting import adapted_model

without_source, sentence = adapted_model(model.replace(source=model.source | {"name": "elsewhere"}), recording)
adapted = predict(without_source, recording)
Markdown(listed([sentence, *adapted.expected.notes]))

# %% [markdown]
# ## A tracker that fails
#
# The eye tracker loses the pupil in the last third of the recording. What is lost is named, and these windows are
# answered by the head of the EEG alone.

# %% tags=["teaches"]
from dataclasses import replace

eye = recording.windows.eye.copy()
eye[2 * len(eye) // 3 :] = 0
partly_lost = predict(model, replace(recording, windows=recording.windows._replace(eye=eye)))
counts = {str(branch): int((partly_lost.used == branch).sum()) for branch in np.unique(partly_lost.used)}
Markdown(
    f"{partly_lost.warnings[0]}\n\n"
    + listed({f"windows answered by {branch}": count for branch, count in counts.items()})
)

# %% [markdown]
# ## Not the whole recording at once
#
# Scaling a recording by its own windows needs all of it. With `--causal` each window is scaled by what has passed and by
# what is typical of the source, and answered when it has passed. On a recording that is unlike the source this makes a
# difference:

# %% tags=["teaches"]
from ufama.models.predictions import predict_as_time_goes_by

running = predict_as_time_goes_by(model, recording)
Markdown(f"{(running.predicted == prediction.predicted).mean():.0%} of the windows are given the same class.")

# %% [markdown]
# ## The truth, once
#
# The simulator knows what was to be felt. Nothing above has read it: the labels lie in a file of their own, and with
# `--score` the report compares them with predictions that are made by then.

# %% tags=["teaches"]
from ufama.models.reading import read_labels

labels = read_labels(files, prediction.recording, model, RecordingOptions())
Markdown(
    "\n".join(
        f"- {against_truth(name, one, labels)}"
        for name, one in (
            ("Unadapted", prediction),
            ("Adapted without the source", adapted),
            ("As time goes by", running),
        )
    )
)

# %% [markdown]
# What was true of the source people need not hold for a recording from elsewhere: the estimator that is reported is the
# one that was nearest to the truth on them, and the lines above say how near it and the others come here, before and
# after adaptation. The distance of the features stood in the report before any label was read. One recording of one
# person shows how a report reads, and nothing about how often it is right: that is on the page {doc}`new_person_trust`.

# %% [markdown]
# ## What this does not show
#
# - How often such a report is right: that is counted over subjects on the page {doc}`new_person_trust`.
# - How a real recording would be read: this one has neither real artefacts nor a real person.
# - What a model of your own would say: fit one to people of your own laboratory ({doc}`new_person_model`).
