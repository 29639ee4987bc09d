"""The paper's tables as printed: every value, the ranks of means, and a finding whose numbers are theirs."""

import pytest

from tests.pages.test_heads import numbers
from ufama.analysis.paper import METHODS_TABLE, published
from ufama.audit.granularity import TableError
from ufama.report import published_tables


@pytest.mark.parametrize("dataset", METHODS_TABLE)
def test_methods_have_the_papers_values_and_the_place_of_their_means(dataset):
    frame = published_tables.methods(dataset).frame.set_index("method")
    facts = published(METHODS_TABLE[dataset]).set_index("method")
    for protocol in published_tables.PROTOCOLS:
        printed = facts.loc[facts["protocol"] == protocol, "mean_percent"].dropna()
        assert frame[f"{protocol}_mean_percent"].dropna().to_dict() == printed.to_dict()
        for method, rank in frame[f"{protocol}_rank"].dropna().items():
            assert rank == 1 + (printed > printed[method]).sum()


def test_another_data_set_is_refused():
    with pytest.raises(TableError, match="tables of 'seed' and 'seed_iv', not of 'deap'"):
        published_tables.methods("deap")


def test_the_ablations_gains_are_differences_to_the_network_alone():
    frame = published_tables.ablation().frame
    for dataset, gain in (("seed", 94.53 - 91.85), ("seed_iv", 92.73 - 91.29)):
        assert frame[f"{dataset}_gain"].tolist()[0] == 0 and frame[f"{dataset}_gain"].tolist()[-1] == pytest.approx(
            gain
        )


def test_the_finding_has_the_tables_numbers():
    methods = {dataset: published_tables.methods(dataset) for dataset in METHODS_TABLE}
    table7 = published_tables.ablation()
    text = " ".join(published_tables.finding(methods, table7))
    cells = " ".join(cell for table in (*methods.values(), table7) for row in table.cells() for cell in row)
    assert {"94.53", "2.68"} <= numbers(text) <= numbers(cells)


def test_every_subject_and_session_is_listed_and_the_headline_is_that_of_the_methods():
    assert len(published_tables.subjects("seed").frame) == 36 and len(published_tables.subjects("seed_iv").frame) == 45
    for dataset in METHODS_TABLE:
        last = published_tables.sessions(dataset).frame.iloc[-1]
        own = published_tables.methods(dataset).frame.set_index("method").loc["UF-AMA"]
        assert last["UF-AMA_mean_percent"] == own["cross_subject_mean_percent"]
