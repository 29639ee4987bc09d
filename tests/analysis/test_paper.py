import pytest

from ufama.analysis import paper
from ufama.analysis.paper import PUBLISHED, published

CLIP_SECONDS = (235, 233, 206, 238, 185, 195, 237, 216, 265, 237, 235, 233, 235, 238, 206)


def ours(name):
    table = published(name)
    return table[table["method"] == paper.METHOD]


@pytest.mark.parametrize("dataset", ["seed", "seed_iv"])
def test_the_method_and_ablation_tables_print_that_headline(dataset):
    row = ours(paper.METHODS_TABLE[dataset]).query("protocol == 'cross_subject'").iloc[0]
    last = published("table7_ablation").query("dataset == @dataset and variant == 'M6'").iloc[0]
    assert (row["mean_percent"], row["sd_percent"]) == (last["mean_percent"], last["sd_percent"])


def test_window_counts_are_those_of_seeds_clips_cut_into_4_s_and_1_s():
    assert sum(second // 4 for second in CLIP_SECONDS) == paper.IMPLIED_WINDOWS["seed"][0]
    assert sum(CLIP_SECONDS) == paper.STATED_WINDOWS["seed"][0]


def test_recordings_are_paired_with_the_papers_numbers_by_position():
    table = published("table4_seed_per_subject").drop_duplicates("subject").set_index("subject")["recording_id"]
    assert (table[5], table[6], table[12]) == (5, 8, 14)
    assert set(range(1, 16)) - set(table) == {6, 7, 15}


def test_every_published_row_has_a_citation_key_and_empty_cells_stay_empty():
    table = published("table3_seed_methods")
    assert table["citation_key"].notna().all()
    assert table.query("method == 'SDC-Net' and protocol == 'cross_session'")["mean_percent"].isna().all()


def test_every_listed_table_can_be_read_and_an_unknown_one_is_named_with_the_known_ones():
    assert all(len(published(name)) for name in PUBLISHED)
    with pytest.raises(ValueError, match="'table8' is not a published table; choose one of table1_datasets"):
        published("table8")
