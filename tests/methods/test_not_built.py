"""What is named as not built has no file of its own."""

from ufama.methods import methods
from ufama.methods._not_built import NOT_BUILT


def test_no_row_is_built_after_all():
    titles = {chosen.title.removesuffix("-like") for chosen in methods().values()}
    assert not titles & {row.name for row in NOT_BUILT}
