"""The words by which tables and figures call methods, protocols, models and rules."""

from ufama.analysis import paper

DATASET_TITLES = {"seed": "SEED", "seed_iv": "SEED-IV"}
METHOD_TITLES = {"ufama": paper.METHOD, "hadua": "HADUA", "source_only": "source only"}
PROTOCOL_TITLES = {
    "cross_subject": "cross-subject",
    "cross_subject_pooled": "cross-subject, sessions pooled",
    "cross_session": "cross-session",
    "cross_subject_session": "unseen person in an unseen session",
    "within_trial": "second half of every trial",
    "cross_clip": "unseen clips",
    "cross_subject_clip": "unseen person, unseen clips",
}
RULE_TITLES = {"oracle": "oracle", "last": "last epoch", "source_validation": "source validation"}
RULE_MEANINGS = {
    "oracle": "oracle = the epoch with the highest target accuracy, chosen with the target's labels",
    "last": "last epoch = no choice",
    "source_validation": "source validation = the epoch with the highest accuracy on held-out source subjects",
}
VARIANT_TITLES = {
    "M1": "M1: network",
    "M2": "M2: + compactness",
    "M3": "M3: + MMD",
    "M4": "M4: + consistency, unscreened",
    "M5": "M5: + screening",
    "M6": "M6: + distillation (UF-AMA)",
}
SPREAD_MEANING = "SD (n) divides by n, SD (n−1) by n − 1"
CRITERION_TITLES = {
    "entropy": "entropy",
    "information_maximisation": "information maximisation",
    "bnm": "BNM",
    "snd": "SND",
    "dev": "DEV",
    "cluster_agreement": "cluster agreement",
}
ALL_RULE_TITLES = RULE_TITLES | CRITERION_TITLES
CRITERION_MEANING = "entropy to cluster agreement = the epoch that this label-free criterion prefers"


def part_title(text: str) -> str:
    """'distillation' of the title 'M6: + distillation (UF-AMA)', or of a step 'M5 → M6: + distillation (UF-AMA)'."""
    return text.partition("+ ")[2].partition(" (")[0]
