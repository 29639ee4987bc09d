"""The ledger page: all 32 rows, each with a switch that exists, and values that are the code's."""

import re
from html import unescape

import pytest

from ufama import config

ROWS = range(1, 33)


@pytest.fixture(scope="module")
def ledger(extension):
    return extension("ledger_table")


@pytest.fixture(scope="module")
def built(html) -> str:
    return (html / "book" / "ledger.html").read_text(encoding="utf-8")


def row_of(page: str, number: int) -> str:
    """The HTML of one row of the built ledger: the line with its cells, below the line with its decision."""
    assert page.count(f'id="ledger-{number}"') == 1
    return page.partition(f'id="ledger-{number}"')[2].partition("</tr>")[2].partition("</tr>")[0]


def test_every_row_appears_once_and_is_complete(ledger):
    assert sorted(row["row"] for row in ledger.rows()) == list(ROWS)
    for row in ledger.rows():
        assert all(row[key] for key in ("group", "decision", "paper", "released", "switches")), row


def test_every_switch_exists(ledger):
    for row in ledger.rows():
        for switch in row["switches"]:
            ledger.switch_values(switch)  # raises for a name that ufama.config does not have


@pytest.mark.parametrize("switch", ["UfamaConfig.nonsense", "NoConfig.width", "NOTHING"])
def test_a_switch_that_does_not_exist_is_an_error(ledger, switch):
    with pytest.raises(ValueError, match=re.escape(switch)):
        ledger.switch_values(switch)


def test_every_difference_between_the_presets_is_in_the_ledger(ledger):
    named = {switch for row in ledger.rows() for switch in row["switches"]}
    for dataset in config.DATASETS:
        paper, released = (config.preset(name, dataset=dataset) for name in config.PRESETS)
        for field in vars(paper):
            if getattr(paper, field) != getattr(released, field):
                assert f"UfamaConfig.{field}" in named


def test_a_value_names_its_preset_and_data_set_where_they_differ(ledger):
    assert ledger.switch_values("UfamaConfig.encoder_blocks") == {
        "paper, seed": 3, "paper, seed_iv": 3, "released, seed": 1, "released, seed_iv": 3
    }  # fmt: skip
    shown = ledger.describe("UfamaConfig.encoder_blocks")
    assert all(part in shown for part in ("`3` (*paper*)", "`1` for `seed`", "`3` for `seed_iv`", "(*released*)"))
    assert "(*paper*)" not in ledger.describe("UfamaConfig.mmd_kernels")


@pytest.mark.parametrize(
    ("switch", "valid"),
    [
        ("UfamaConfig.mmd_kernels", ["1", "32"]),  # both ends of a range
        ("UfamaConfig.fine_grained_from", ["0"]),  # no upper end
        ("UfamaConfig.mmd_combination", ["'mean'"]),  # the option that no preset takes
        ("UfamaConfig.encoder_norm", []),  # both options are taken
        ("UfamaConfig.train_heads", []),
    ],
)
def test_what_else_a_switch_may_be_set_to(ledger, switch, valid):
    assert re.findall(r"\d+|'\w+'", ledger.valid_values(switch)) == valid


@pytest.mark.parametrize("number", ROWS)
def test_the_built_row_links_to_its_switches(ledger, built, number):
    row = next(row for row in ledger.rows() if row["row"] == number)
    for switch in row["switches"]:
        anchor = f"ufama.config.{switch}" if "." in switch else "module-ufama.config"
        assert f'href="api/package.html#{anchor}"' in row_of(built, number)


def test_the_built_rows_show_the_codes_values(built):
    assert "1e-05" in row_of(built, 17)
    assert "False" in row_of(built, 8)
    assert "'post'" in unescape(row_of(built, 1))
