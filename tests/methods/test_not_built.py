"""The table of what is not built and the files of what is hold every method of the paper's tables between them."""

from ufama.methods import methods
from ufama.methods._not_built import NOT_BUILT

OWN = {
    "ACRNN-like",
    "DA-CapsNet-like",
    "LGDAAN-Nets-like",
    "STCBI-Nets-like",
    "FMLAN-like",
    "CoDF-Net-like",
    "MSBLS-like",
    "LAFDA-Net-like",
    "CSMM-like",
    "C2PCI-Net-like",
}


def test_no_row_is_built_after_all():
    titles = {chosen.title.removesuffix("-like") for chosen in methods().values()}
    assert not titles & {row.name for row in NOT_BUILT}
    assert {chosen.title for chosen in methods().values()} >= OWN


def test_every_row_says_why_and_what_it_would_take():
    for row in NOT_BUILT:
        assert row.published_in.startswith("Table")
        assert row.source.startswith(("doi:", "arXiv:"))
        assert len(row.why) > 80
        assert len(row.what_it_would_take) > 40
