"""The parameters of notebooks: which there are, and how the value of each is checked."""

import ast
import difflib
from collections.abc import Callable, Sequence
from itertools import dropwhile, takewhile

from ufama.config import DATASETS, PRESETS, SCALES, ConfigError
from ufama.datasets import SEED_SIGNALS
from ufama.errors import UserError
from ufama.seeds import parsed_seeds
from ufama.storage import expanded


class ParameterError(UserError, ValueError):
    """A notebook parameter that does not exist or has no meaning; the message names the valid ones."""


def _one_of(*options: str) -> Callable:
    def check(name: str, value):
        if value not in options:
            raise ParameterError(f"{name} = {value!r} is not known; choose one of {', '.join(map(repr, options))}.")
        return value

    return check


def _dataset(name: str, value):
    known = (*DATASETS, SEED_SIGNALS)
    if value is None or value in known or (isinstance(value, str) and value.endswith((".npz", ".parquet"))):
        return value
    raise ParameterError(
        f"{name} = {value!r} is not known; choose {' or '.join(map(repr, known))}, or give the path of a two-modality "
        "table, .npz or .parquet."
    )


def _switch(name: str, value):
    words = {"true": True, "false": False}
    value = words.get(value.lower(), value) if isinstance(value, str) else value
    if not isinstance(value, bool):
        raise ParameterError(f"{name} = {value!r} is not a switch; write True or False.")
    return value


def _folder(name: str, value):
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or not expanded(value).is_dir():
        raise ParameterError(
            f"{name} = {value!r} is not a folder; give the folder that holds your recordings, or None for what "
            "UFAMA_SEED or UFAMA_SEED_IV name."
        )
    return value


def _seeds(name: str, value):
    try:
        return parsed_seeds(value)
    except ValueError as error:
        raise ParameterError(f"{name} = {error}") from None


def _methods(name: str, value):
    from ufama.methods import method

    if value is None:
        return None
    chosen = [part.strip() for part in value.strip("[]() ").split(",")] if isinstance(value, str) else list(value)
    if not chosen or len(set(chosen)) != len(chosen):
        raise ParameterError(
            f"{name} = {value!r} is not a list of methods; give names, each once, such as 'dann,ufama', or None for "
            "all."
        )
    for method_name in chosen:
        try:
            method(method_name)
        except ConfigError as error:
            raise ParameterError(f"{name} = {value!r}: {error}") from None
    return tuple(chosen)


def _device(name: str, value):
    from ufama.campaigns.machine import check_device

    try:
        check_device(value)
    except ConfigError as error:
        raise ParameterError(str(error)) from None
    return value


PARAMETERS: dict[str, Callable] = {
    "dataset": _dataset,
    "data_root": _folder,
    "require_real": _switch,
    "preset": _one_of(*PRESETS),
    "scale": _one_of(*SCALES),
    "seeds": _seeds,
    "device": _device,
    "methods": _methods,
}
"""The parameters that a notebook may have, and how each value is checked."""


def assigned_literals(cell: str) -> tuple[str, ...]:
    """The names that a cell sets to literal values, in order; none for a cell that does anything else."""
    try:
        statements = ast.parse(cell).body
    except SyntaxError:
        return ()
    names = []
    for statement in statements:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            return ()
        try:
            ast.literal_eval(statement.value)
        except ValueError:
            return ()
        names.append(statement.targets[0].id)
    return tuple(names)


def declared_parameters(history: Sequence[str]) -> tuple[str, ...]:
    """The parameters that a notebook has: what its parameters cell sets, the first cell of literals that was executed.

    Parameters
    ----------
    history
        the source of the cells executed so far; IPython keeps it as ``In``

    Raises
    ------
    ParameterError
        when the cells of literals that follow at once (papermill injects one) set a name that this notebook does not
        have, or the parameters cell itself sets one that no notebook has
    """
    cells = dropwhile(lambda names: not names, map(assigned_literals, history))
    declared, *injected = [*takewhile(bool, cells)] or [()]
    _refuse_unknown([name for names in injected for name in names], declared)
    _refuse_unknown(declared, tuple(PARAMETERS))
    return declared


def _refuse_unknown(names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise ParameterError(f"this notebook has no parameter {name!r}; it has {', '.join(known)}.{hint}")


def checked_parameters(namespace: dict) -> dict:
    """The parameters in a notebook's ``globals()``, checked and in their proper types.

    Where no history is kept (a script, or nbval), into which nobody injects, they are the names that are set.

    Raises ParameterError for a name that the notebook does not have and for a value without a meaning.
    """
    declared = declared_parameters(namespace.get("In", ())) or PARAMETERS.keys() & namespace.keys()
    return {name: PARAMETERS[name](name, namespace[name]) for name in declared}
