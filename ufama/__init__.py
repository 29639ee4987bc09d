"""Cross-domain emotion recognition from EEG and eye movement: UF-AMA, reproduced.

    recording -> features -> windows -> folds -> batches -> network -> objective -> runs -> results -> pages

`ufama.data` ends in folds, `ufama.core` turns batches into an objective, `ufama.methods` names what is compared,
`ufama.training` trains and stores runs, `ufama.report` turns results into tables and figures.
"""

__version__ = "0.3.0"
