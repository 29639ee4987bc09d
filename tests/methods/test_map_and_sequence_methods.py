"""What ACRNN, LGDAAN-Nets, DA-CapsNet, STCBI-Nets and C2PCI-Net-like have in common."""

import pytest
import torch

from tests.methods.electrodes import check_earlier_windows_are_read, named
from tests.methods.steps import first_batch, trainer
from ufama.config import ConfigError
from ufama.methods import acrnn, c2pci_net, da_capsnet, lgdaan_nets, stcbi_nets

METHODS = [module.METHOD for module in (acrnn, c2pci_net, da_capsnet, lgdaan_nets, stcbi_nets)]
SMALL = {"hidden": 12, "width": 8}
each = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


@pytest.mark.parametrize("method", [m for m in METHODS if m is not c2pci_net.METHOD], ids=lambda method: method.name)
def test_it_reads_the_windows_before(method, small):
    check_earlier_windows_are_read(method, named(small), **SMALL)


@pytest.mark.parametrize("method", [m for m in METHODS if m is not acrnn.METHOD], ids=lambda method: method.name)
def test_tokens_that_are_no_electrodes_are_an_error(method, small):
    with pytest.raises(ConfigError, match=f"{method.name} lays EEG tokens out on the scalp, but E0"):
        trainer(method, small, **SMALL)


@each
def test_only_c2pci_net_reads_the_eyes(method, small):
    made = trainer(method, named(small), **SMALL)
    source, _ = first_batch(made)
    with torch.no_grad():
        one, other = (made.network(source.eeg, eye).fused for eye in (source.eye, source.eye + 1))
    assert torch.equal(one, other) != (method is c2pci_net.METHOD)
