r"""Cross-domain emotion recognition from EEG and eye movement: UF-AMA, reproduced.

    recording -> features -> windows -> folds -> batches -> network -> objective -> runs -> results -> pages
                                                                          \-> model -> predictions

The names below cover this flow. Each is imported from its room when it is first used, so that ``import ufama`` costs
nothing; whatever else a room offers is imported from there.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ufama.analysis.evaluation import evaluate
    from ufama.audit.report import audit_table
    from ufama.campaigns.experiments import DataRequest, Experiment
    from ufama.campaigns.results import Results
    from ufama.campaigns.run import results, train
    from ufama.config import TrainingConfig, UfamaConfig
    from ufama.data.folds import folds
    from ufama.data.windows import Windows
    from ufama.datasets import open_dataset
    from ufama.methods import method
    from ufama.models.cross_validation import cross_validate
    from ufama.models.estimator import Adapter
    from ufama.models.folder import load_model

__all__ = [
    "Adapter",
    "DataRequest",
    "Experiment",
    "Results",
    "TrainingConfig",
    "UfamaConfig",
    "Windows",
    "audit_table",
    "cross_validate",
    "evaluate",
    "folds",
    "load_model",
    "method",
    "open_dataset",
    "results",
    "train",
]

_ROOMS = {
    "Adapter": "ufama.models.estimator",
    "DataRequest": "ufama.campaigns.experiments",
    "Experiment": "ufama.campaigns.experiments",
    "Results": "ufama.campaigns.results",
    "TrainingConfig": "ufama.config",
    "UfamaConfig": "ufama.config",
    "Windows": "ufama.data.windows",
    "audit_table": "ufama.audit.report",
    "cross_validate": "ufama.models.cross_validation",
    "evaluate": "ufama.analysis.evaluation",
    "folds": "ufama.data.folds",
    "load_model": "ufama.models.folder",
    "method": "ufama.methods",
    "open_dataset": "ufama.datasets",
    "results": "ufama.campaigns.run",
    "train": "ufama.campaigns.run",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = _version()
    elif name in _ROOMS:
        value = getattr(import_module(_ROOMS[name]), name)
    else:
        raise AttributeError(f"module 'ufama' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])


def _version() -> str:
    """What pyproject.toml says: of the checkout that this is, installed or not, else of the installed package."""
    from importlib.metadata import version

    from ufama.storage import project_root

    root = project_root()
    if root is None:
        return version("ufama")
    import tomllib

    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
