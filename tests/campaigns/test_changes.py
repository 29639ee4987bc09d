"""What a record calls changed: switches, never the batch of a short target."""

import pytest

from ufama.campaigns.experiments import DataRequest, Experiment
from ufama.campaigns.results import RunStore
from ufama.campaigns.run import results
from ufama.config import TrainingConfig


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ({}, ""),
        ({"validation_subjects": 0}, "validation_subjects=0"),
        ({"target_access": "others", "epoch_length": "source"}, "epoch_length='source', target_access='others'"),
    ],
)
@pytest.mark.filterwarnings("ignore:Batches of fewer")
def test_the_batch_of_a_short_target_is_no_change(training, expected, small_table, tmp_path):
    """Whatever is held out for validation or hidden of the target, the batch is as large as the fold's whole target."""
    block = Experiment(
        data=DataRequest(dataset=str(small_table)),
        scale="smoke",
        variants=("M1",),
        training=TrainingConfig(**training),
        fold_names=("session1-subject1",),
    )
    assert block.configs()[0].training.batch_size < TrainingConfig().batch_size
    runs = results([block], store=RunStore(tmp_path), workers=1).runs
    assert [", ".join(sorted(text.split(", "))) for text in runs["changes"]] == [expected]
