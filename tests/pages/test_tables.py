"""Pages on a table of one's own: each shows what it allows and says what is left out, or says at once why it cannot."""

import ast
from functools import partial

import numpy as np
import pytest

from ufama.campaigns.run import results
from ufama.errors import UserError
from ufama.pages import page
from ufama.pages.notebooks import NOTEBOOKS, notebook_source
from ufama.pages.parameters import assigned_literals
from ufama.studies import stimuli

OF_ANY_TABLE = "the path of a two-modality .npz"
NEEDS_SESSIONS = {"stability"}
"""Pages whose whole question recordings of one session leave without an answer."""
ABOUT_SESSIONS = {"tsne", "selection", "protocols", "comparison"}
"""Pages of which a part is about sessions."""


def parameters_cell(name):
    return next(cell.source for cell in notebook_source(name).cells if "parameters" in cell.metadata.get("tags", []))


ANY_TABLE = [name for name in NOTEBOOKS if OF_ANY_TABLE in parameters_cell(name)]
SEED_ALONE = [name for name in NOTEBOOKS if any("only=DATASETS" in cell.source for cell in notebook_source(name).cells)]


def write_table(path, *, people, sessions, trials, windows):
    """Noise around a pattern of each class; tokens without the names of electrodes."""
    draw = np.random.default_rng(0)
    axes = [np.arange(1, people + 1), np.arange(1, sessions + 1), np.arange(1, trials + 1), np.arange(windows)]
    subject, session, trial, window = (axis.ravel() for axis in np.meshgrid(*axes, indexing="ij"))
    label = trial % 2
    np.savez(
        path,
        modality_a=draw.normal(size=(len(label), 4, 3)) + label[:, None, None],
        modality_b=draw.normal(size=(len(label), 5)) + label[:, None],
        **{"label": label, "subject": subject, "session": session, "trial": trial, "window": window},
    )
    return path


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """One session whose targets are shorter than a batch, as in many open sets; and two sessions."""
    folder = tmp_path_factory.mktemp("tables")
    return {
        "one session": write_table(folder / "one.npz", people=3, sessions=1, trials=2, windows=18),
        "two sessions": write_table(folder / "two.npz", people=3, sessions=2, trials=4, windows=100),
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The workspace that all pages share."""
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture
def execute(tables, trained, monkeypatch):
    """The objects that a page shows on a table at the scale smoke, as text."""
    monkeypatch.setenv("UFAMA_WORKSPACE", str(trained))
    monkeypatch.setattr(page, "results", partial(results, workers=1))
    monkeypatch.setattr(
        stimuli, "clip_strength", partial(stimuli.clip_strength, factors=(1,), subjects=(1, 2), stride=64)
    )

    def execute(name, table):
        shown, scope = [], {"display": lambda *objects: shown.extend(map(str, objects))}
        given = {"dataset": str(tables[table]), "scale": "smoke", "methods": "da_capsnet,svm"}
        for cell in notebook_source(name).cells:
            if cell.cell_type != "code":
                continue
            exec(compile(shown_last(cell.source), name, "exec"), scope)
            if "parameters" in cell.metadata.get("tags", []):
                scope |= {key: given[key] for key in assigned_literals(cell.source) if key in given}
        return "\n".join(shown)

    return execute


def shown_last(source):
    """The code of a cell, whose last expression is displayed."""
    module = ast.parse(source)
    if isinstance(module.body[-1], ast.Expr):
        last = module.body[-1]
        call = ast.Call(ast.Name("display", ast.Load()), [last.value], [])
        module.body[-1] = ast.copy_location(ast.Expr(call), last)
    return ast.fix_missing_locations(module)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["one session", "two sessions"])
@pytest.mark.parametrize("name", ANY_TABLE)
def test_a_page_shows_what_a_table_allows(name, table, execute):
    if table == "one session" and name in NEEDS_SESSIONS:
        with pytest.raises(UserError, match=r"one\.npz has one session, but .* Expected recordings of at least 2"):
            execute(name, table)
        return
    shown = execute(name, table)
    assert ("has one session, so nothing is measured across" in shown) == (
        table == "one session" and name in ABOUT_SESSIONS
    )
    assert ("one clip of a class in each session" in shown) == (table == "one session" and name == "protocols")
    assert ("electrodes whose places are known are left out" in shown) == (name == "comparison")
    assert ("The paper has no numbers of" in shown) == (name == "certainty")


@pytest.mark.parametrize("name", SEED_ALONE)
def test_a_page_on_seed_alone_says_so_of_a_table(name, execute):
    with pytest.raises(UserError, match=rf"the notebook {name} is about 'seed' or 'seed_iv' alone"):
        execute(name, "one session")


def test_every_page_that_takes_a_table_is_executed_on_one():
    assert {"ledger_effects", "certainty", *NEEDS_SESSIONS, *ABOUT_SESSIONS} <= set(ANY_TABLE)
    assert {"audit", "cost", "features", "new_person_report"} <= set(SEED_ALONE)
