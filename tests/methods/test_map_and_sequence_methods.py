"""What the methods on maps of the electrodes and on sequences of windows have in common."""

import pytest
import torch

from tests.methods.electrodes import check_earlier_windows_are_read, named
from tests.methods.steps import first_batch, trainer
from ufama.config import ConfigError
from ufama.methods import acrnn, c2pci_net, da_capsnet, lgdaan_nets, rhpr_net, stcbi_nets, tsssa_net

METHODS = [module.METHOD for module in (acrnn, c2pci_net, da_capsnet, lgdaan_nets, rhpr_net, stcbi_nets, tsssa_net)]
WITH_EYES = {"c2pci_net", "rhpr_net"}
WITHOUT_MAP = {"acrnn", "tsssa_net"}
SMALL = {"hidden": 12, "width": 8}
each = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


@pytest.mark.parametrize("method", [m for m in METHODS if m.name not in WITH_EYES], ids=lambda method: method.name)
def test_it_reads_the_windows_before(method, small):
    check_earlier_windows_are_read(method, named(small), **SMALL)


@pytest.mark.parametrize("method", [m for m in METHODS if m.name not in WITHOUT_MAP], ids=lambda method: method.name)
def test_tokens_that_are_no_electrodes_are_an_error(method, small):
    with pytest.raises(ConfigError, match=f"{method.name} lays EEG tokens out on the scalp, but E0"):
        trainer(method, small, **SMALL)


@each
def test_eyes_are_read_where_the_method_has_them(method, small):
    made = trainer(method, named(small), **SMALL)
    source, _ = first_batch(made)
    with torch.no_grad():
        one, other = (made.network(source.eeg, eye).fused for eye in (source.eye, source.eye + 1))
    assert torch.equal(one, other) != (method.name in WITH_EYES)
