# %% [markdown]
# # How far to trust it
#
# *What a model says about its own accuracy, compared with the truth on people who were left out. Cost: seconds, as the
# page shows stored results; a set is measured anew in about five minutes on one core. n is in every caption.*
#
# The two pages before this one print sentences: about so many percent will be right, the interval goes from here to
# there, this recording is unlike the source. Such sentences are cheap. **Are they true of somebody who taught the model
# nothing?**
#
# Every person of three sets is a new person here, once. A network that was trained on the others predicts him; what is
# said about him (temperature, estimated accuracy, interval, thresholds) is learnt from the *other* held-out people
# alone; his labels come last. Two of the sets are simulated. EEGMAT is real, and small: 36 people, EEG and ECG, rest
# against mental arithmetic, two classes ({cite:t}`Zyma2019`, {cite:t}`Goldberger2000`; Open Data Commons Attribution
# License v1.0; {doc}`real_recordings`). The trainings are of the scale *quick*: 64 steps of a narrow network, of the
# paper's 10,400. Everything below is about such models.

# %% tags=["parameters"]
dataset = None  # None: the stored sets; "seed", "seed_iv" or the path of a table: measured anew

# %% tags=["hide-input"]
from ufama.pages.page import DescribedFigure, open_page
from ufama.pages.parameters import checked_parameters
from ufama.report import trust
from ufama.studies.trust import FURTHER, measured_once, stored

if checked_parameters(globals())["dataset"] is None:
    sets = stored()
else:
    page = open_page("new_person_trust", globals())
    sets = {page.data.name: measured_once(page.windows)}

# %% [markdown]
# ## A new person, three ways
#
# The same network as it is, adapted by UF-AMA with the source at hand, and adapted without the source by SHOT
# ({cite:t}`Liang2020`).

# %%
trust.modes(sets)

# %% [markdown]
# Adaptation without the source changes next to nothing: 1.0, 0.3 and 0.2 points on average, every interval holds 0.
# UF-AMA with the source adds 3.1 points on simulated SEED, 3.4 on simulated SEED-IV and 1.0 on EEGMAT; of the three
# intervals one ends just above 0. People differ far more than models do.
#
# ## Calibration
#
# A temperature keeps every class as it is and moves all confidences towards each other, or apart.

# %% mystnb={"figure": {"name": "fig-trust-reliability", "caption": "Accuracy against confidence on new people, fusion, unadapted, in ten bins of equally many windows: grey as the network gives the probabilities, green at the temperature of the other people. On the dashed line both are equal. n in the table."}}
DescribedFigure(trust.reliability(sets))

# %%
trust.calibration(sets)

# %% [markdown]
# The unadapted fusion is over-confident on the simulated sets, and a temperature that other people taught takes its
# calibration error from 7.7 to 2.3 points on SEED and from 7.3 to 4.6 on SEED-IV. On EEGMAT it was small (2.7) and stays
# so (2.9). Over all models and branches the error falls in 22 of 27 rows. Where it does not, it can grow: from 3.1 to 5.6
# points for the adapted fusion of EEGMAT, whose temperature is decided by one person (below).
#
# ## The accuracy, estimated without labels
#
# Two published estimators, and a guess that does not look at the recording: the mean accuracy of the other people. An
# estimator that does not beat the constant guess has learnt nothing about *this* person.

# %%
trust.estimates(sets)

# %% mystnb={"figure": {"name": "fig-trust-estimates", "caption": "Estimated against true accuracy, one dot per person, unadapted: the reported estimate with its interval. Bars that miss the dashed diagonal are orange. Nominal level in brackets."}}
DescribedFigure(trust.estimated_against_true(sets))

# %% [markdown]
# The difference of confidences is nearer to the truth than the constant guess in all nine rows, by about two points of
# error where the guess is wrong by ten: a small gain, and in about half of the rows the interval of the difference holds 0.
# Thresholded confidence is no better than the guess on simulated SEED-IV, and worse after UF-AMA (12.4 against 10.2
# points). Choosing the estimator by its error on the other people (*the one that is reported*) does not beat taking the
# difference of confidences throughout.
#
# One dot shows what no estimator that reads confidence can see. In EEGMAT, subject 13 is right in 10 % of the windows at a
# mean confidence of 92 %: two classes that changed places. Almost everything is wrong and nothing looks wrong. It is one
# of the four people with an unplugged ECG lead ({doc}`real_recordings`).
#
# The interval is a conformal quantile of the errors on other people ({cite:t}`Lee2023`). Where it covers much less often than it states, new people
# are not like those who taught it, or there were too few of them.

# %%
trust.coverage(sets)

# %% [markdown]
# It covers 11 of 12, 14 of 15 and 33 of 36 people at a nominal 90 %, and is wide where people differ: about 47 points on
# the simulated sets, 16 on EEGMAT. An honest interval from a dozen people is wide. With so few people tested, these
# counts are also compatible with a coverage of 62, 68 and 78 %.
#
# ## Unlike the source

# %%
trust.distances(sets)

# %% [markdown]
# Within a set, the warning says nothing: one or two people are farther than all others, as many as chance gives, and their
# accuracy is as often above the others' as below. The rank correlations are between −0.25 and 0.27. What the distance
# finds is another world ({doc}`new_person_report`: 3.9 and 10.5 SD), not a difficult person of the same one. Subject 13
# of EEGMAT was not warned of.
#
# ## To answer or not
#
# Whoever answers only where he is confident is wrong less often, if confidence means anything.

# %% mystnb={"figure": {"name": "fig-trust-risk", "caption": "The share of wrong answers against the share of windows that are answered, most confident first; every person weighs the same. Band: 95 %, people drawn with replacement, unadapted. Fusion."}}
DescribedFigure(trust.risk_against_coverage(sets))

# %%
trust.abstention(sets)

# %% [markdown]
# Confidence orders the windows: on simulated SEED the half that is answered first is wrong in 4 % instead of 19 %. A chosen
# risk is met on average (5.9, 10.4 and 18.7 % for 5, 10 and 20 %), and **not for everybody**: a third or more of the
# people lie above it, the worst of them at 16, 39 and 46 %. On simulated SEED-IV a risk of 5 % is out of reach, which the
# model says: for 14 of 15 people there is no threshold. After UF-AMA on EEGMAT the curve rises to the left, because the
# person whose classes changed places is the most confident of all.
#
# ## One modality, and one that fails
#
# The branch heads answer for one modality alone. A modality that is lost is found by rules on its features
# ({mod}`~ufama.models.modalities`) and left out; one whose windows have changed places has usual values everywhere, and
# no rule finds that.

# %%
trust.modalities(sets)

# %% [markdown]
# Fusion is better than the better modality alone by 3 points on both simulated sets and by 4 on EEGMAT; each of the three
# intervals holds 0. A lost modality costs up to 42 points where the
# fusion answers all the same, and brings it to the sound modality's level where the rules decide; on EEGMAT with a third of the ECG
# lost, rules and fusion are equal. On whole recordings of all three sets the rules find no window bad. A modality with
# shuffled windows costs 7 to 46 points, and nothing finds it: the check of a modality is a check of its values, not of
# what they mean.
#
# ## While the recording runs
#
# Scaling by what has passed, with the source as a warm-up of 20 windows, and adaptation after trials.

# %%
trust.causal(sets)

# %% [markdown]
# On the simulated sets, which have 15 and 24 clips of all classes, scaling by what has passed costs 3.5 and 1.3 points,
# and both intervals hold 0. On EEGMAT it costs 15.8: its first recording is rest from beginning to end, so what has
# passed is one class, and half of the recording is scaled as if rest were all there is. Adaptation after trials mends
# none of this. The features themselves look ahead (smoothing over trials, filters), so that a recording that really runs
# may do worse.
#
# ## Two more real sets
#
# CogWear has pulse and skin conductance at rest and during a Stroop test (Open Database License), CEAP-360VR head and eye
# movement during eight clips (CC BY-NC 4.0, {doc}`same_film`). Neither has EEG, so the tables above, which name branches,
# do not show them.

# %%
further = stored(FURTHER)
trust.modes(further)

# %%
trust.estimates(further)

# %%
trust.coverage(further)

# %% [markdown]
# Nothing new, and one warning. Adaptation by UF-AMA changes nothing that can be seen (−1.5 and 0.0 points), SHOT adds one
# point on CogWear. The difference of confidences is nearer to the truth than the constant guess by 3.0 and 0.8 points. The
# interval covers 21 of 23 and 29 of 32 people. The warning: on CEAP-360VR the rules for bad modalities find 26 % of the
# windows bad though nothing was damaged, because its table repeats the nearest fixation where a window has none, and
# repeated values look like a sensor that hangs. The answers are as often right as those of the fusion (38.6 %). Where
# features are repeated or interpolated before they reach a model, such a rule reads the repair, not the sensor.
#
# ## What may be concluded
#
# - A temperature learnt from other people is worth having, and an estimate of the accuracy is worth little more than
#   saying what other people reached. Its interval is honest and wide.
# - A threshold keeps a risk on average over people. It promises nothing to one person.
# - The head of a sound modality is a good answer when the other one is lost, and needs no adaptation for that.
# - Nothing here detects a person whose classes have changed places. Only labels do; a short calibration with known
#   labels is the remedy.
#
# All of it is measured on 12 to 36 people in each set, with one seed and short trainings. The networks that taught the trust in
# a person had that person among their source, with labels; what was learnt for the person had not.
