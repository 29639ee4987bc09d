# %% [markdown]
# # How far to trust it

# %% tags=["parameters", "hide-input"]
dataset = None  # None: the stored sets; "seed", "seed_iv" or the path of a table: measured again

# %% tags=["hide-input"]
from IPython.display import Markdown

from ufama.pages.page import DescribedFigure, open_page
from ufama.pages.parameters import checked_parameters
from ufama.report import findings, trust, trust_sentences
from ufama.report.page_head import head
from ufama.studies.trust import FURTHER, measured_once, stored

if checked_parameters(globals())["dataset"] is None:
    sets = stored()
else:
    page = open_page("new_person_trust", globals())
    sets = {page.data.name: measured_once(page.windows)}

modes, coverage = trust.modes(sets), trust.coverage(sets)
head(
    "Is what a model says about its own accuracy true of a person who taught it nothing?",
    findings.trust(modes, coverage),
    evidence={"fig-trust-estimates": "estimated and true accuracy", "a-new-person-three-ways": "with and without adaptation"},
    caveat=f"{trust.measured_on(sets)}",
    size=trust.size(sets),
)

# %% [markdown]
# *What a model says about its own accuracy, compared with the truth on people who were left out. Cost: seconds, as the
# page shows stored results; a set is measured again in about five minutes on one core. n is in every caption.*
#
# The two pages before this one print sentences: about so many percent will be right, the interval goes from here to
# there, this recording is unlike the source. **Are they true of somebody who taught the model nothing?** The list below
# is the answer; every number on this page is computed from the stored results.

# %% tags=["hide-input"]
Markdown(trust_sentences.reading(sets))

# %% [markdown]
# Every person of a set is a new person here, once. A network that was trained on the others predicts this person; what
# is said beforehand (temperature, estimated accuracy, interval, thresholds) is learnt from the *other* held-out people
# alone; the labels come last. EEGMAT is real, and small: EEG and ECG, rest against mental arithmetic, two classes
# ({cite:t}`Zyma2019`, {cite:t}`Goldberger2000`; Open Data Commons Attribution License v1.0; {doc}`real_recordings`). The
# trainings are far shorter than the paper's, and of a narrow network. Everything below is about such models.
#
# ## A new person, three ways
#
# The same network as it is, adapted by UF-AMA with the source at hand, and adapted without the source by SHOT
# ({cite:t}`Liang2020`). People differ far more than models do.

# %%
modes

# %% [markdown]
# ## Calibration
#
# A temperature keeps every class as it is and moves all confidences towards each other, or apart.

# %% mystnb={"figure": {"name": "fig-trust-reliability", "caption": "Accuracy against confidence on new people, fusion, unadapted, in ten bins of equally many windows: grey as the network gives the probabilities, green at the temperature of the other people. On the dashed line both are equal. n in the table."}}
DescribedFigure(trust.reliability(sets))

# %%
trust.calibration(sets)

# %%
Markdown(trust_sentences.calibration_in_all_rows(sets))

# %% [markdown]
# A temperature has one number to learn, and a single person can decide it: one who is sure and nearly always wrong makes
# all others less confident than they should be.
#
# ## The accuracy, estimated without labels
#
# Two published estimators, and a guess that does not look at the recording: the mean accuracy of the other people. An
# estimator that does not beat the constant guess has learnt nothing about *this* person.

# %%
trust.estimates(sets)

# %%
trust.against_constant(sets)

# %% mystnb={"figure": {"name": "fig-trust-estimates", "caption": "Estimated against true accuracy, one dot per person, unadapted: the reported estimate with its interval. Bars that miss the dashed diagonal are orange. Nominal level in brackets."}}
DescribedFigure(trust.estimated_against_true(sets))

# %%
Markdown(trust_sentences.other_estimators(sets))

# %% [markdown]
# What the difference of confidences gains over the constant guess is less than the error that remains. Choosing the
# estimator by its error on the other people (*the one that is reported*) does not beat taking the difference of
# confidences throughout.
#
# One dot shows what no estimator that reads confidence can see: the last line of the list at the top. With two classes,
# an accuracy far below one half means that the classes have changed places. Most is wrong and nothing looks wrong. This
# person of EEGMAT is one of those with an unplugged ECG lead ({doc}`real_recordings`).
#
# The interval is a conformal quantile of the errors on other people ({cite:t}`Lee2023`). Where it covers much less often
# than it states, new people are not like those who taught it, or there were too few of them.

# %%
coverage

# %%
trust.widths(sets)

# %%
Markdown(trust_sentences.coverage_range(sets))

# %% [markdown]
# The interval is wide where people differ. An honest interval from a dozen people is wide.
#
# ## Unlike the source

# %%
trust.distances(sets)

# %%
Markdown(trust_sentences.distances(sets))

# %% [markdown]
# Within a set, the warning does not reliably single out people of low accuracy. What the distance finds is a recording from
# another source ({doc}`new_person_report`), not a difficult person of the same one.
#
# ## To answer or not
#
# Whoever answers only where he is confident is wrong less often, if confidence means anything.

# %% mystnb={"figure": {"name": "fig-trust-risk", "caption": "The share of wrong answers against the share of windows that are answered, most confident first; every person weighs the same. Band: 95 %, people drawn with replacement, unadapted. Fusion."}}
DescribedFigure(trust.risk_against_coverage(sets))

# %%
trust.abstention(sets)

# %%
Markdown(trust_sentences.confidence_orders_windows(sets))

# %%
Markdown(trust_sentences.risks(sets))

# %% [markdown]
# Confidence orders the windows. Where most windows are answered, a chosen risk is about met on average, and **not for
# everybody**; where few are, the answers can be wrong twice as often as chosen. Where a risk is out of reach for
# everybody the model says so: there is no threshold.
#
# ## One modality, and one that fails
#
# The branch heads answer for one modality alone. A modality that is lost is found by rules on its features
# ({mod}`~ufama.models.modalities`) and left out; one whose windows have changed places has usual values everywhere, and
# no rule finds that.

# %%
trust.modalities(sets)

# %%
Markdown(trust_sentences.modalities(sets))

# %% [markdown]
# Whether the fusion is ahead of its better modality differs between the sets. A lost modality costs less where the rules
# decide than where the fusion answers all the same. A modality with shuffled windows costs as much with the rules as
# without: the check of a modality is a check of its values, not of what they mean.
#
# ## While the recording runs
#
# Scaling by what has passed, with the source as a warm-up, and adaptation after trials.

# %%
trust.causal(sets)

# %%
Markdown(trust_sentences.causal(sets))

# %% [markdown]
# The simulated sets have clips of all classes. EEGMAT's first recording is rest from beginning to end, so what has passed
# is one class, and half of the recording is scaled as if rest were all there is. Adaptation after trials mends none of
# this. The features themselves look ahead (smoothing over trials, filters), so that a recording that really runs may do
# worse.
#
# ## Two more real sets
#
# CogWear has pulse and skin conductance at rest and during a Stroop test (Open Database License), CEAP-360VR head and eye
# movement during eight clips (CC BY-NC 4.0, {doc}`same_film`). Neither has EEG, so the tables above, which name branches,
# do not show them.

# %%
further = stored(FURTHER)
Markdown(trust_sentences.further(further))

# %%
trust.modes(further)

# %%
trust.estimates(further)

# %%
trust.against_constant(further)

# %%
trust.coverage(further)

# %% [markdown]
# One warning. On CEAP-360VR the rules for bad modalities take whole windows for bad ones, because its table repeats the
# nearest fixation where a window has none, and repeated values look like a sensor that hangs. Where features are repeated
# or interpolated before they reach a model, such a rule reads the repair, not the sensor.
#
# ## What may be concluded
#
# - A temperature learnt from other people is worth having. On EEGMAT and CogWear the error of an estimated accuracy is
#   some points smaller than that of the constant guess; on the remaining three sets the difference is about a point. Its
#   interval is wide.
# - A threshold keeps a risk on average over subjects, about, where it lets most windows be answered. It promises nothing
#   to one person.
# - The head of a sound modality is a good answer when the other one is lost, and needs no adaptation for that.
# - Nothing here detects a person whose classes have changed places. Only labels do; a short calibration with known
#   labels is the remedy.
#
# All of it is measured on few people in each set, with one seed and short trainings. The networks that taught the trust
# in a person had that person among their source, with labels; what was learnt for the person had not.
#
# ## What this does not show
#
# - How far to trust a model of another method, of more steps, or of the paper's size.
# - That a dozen people of one laboratory are like those of another: each set is one laboratory, or one simulator.
# - Anything about a recording from other devices or of another task: that is what the warnings are for, and they are
#   counted on one example alone ({doc}`new_person_report`).
