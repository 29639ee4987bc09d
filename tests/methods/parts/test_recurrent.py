"""Both memories equal torch's in float64."""

import torch
from torch.nn import functional

from tests.methods.steps import initialised, normal
from ufama.methods.parts.recurrent import MapLstm, StackedLstm


def test_lstm_is_torch_s_run_by_run():
    memory = initialised(StackedLstm(2, 3, 5))
    x = normal(2, 4, 6, 3, seed=1)
    found = memory(x)
    for run in range(2):
        reference = torch.nn.LSTM(3, 5, batch_first=True).double()
        with torch.no_grad():
            reference.weight_ih_l0.copy_(memory.of_input.weight[run].T)
            reference.weight_hh_l0.copy_(memory.of_hidden.weight[run].T)
            reference.bias_ih_l0.copy_(memory.of_input.bias[run, 0])
            reference.bias_hh_l0.zero_()
        assert torch.allclose(found[run], reference(x[run])[0], rtol=1e-10)


def test_map_memory_equals_a_loop_of_convolutions():
    memory = initialised(MapLstm(2, 3, 4))
    maps = normal(2, 5, 3, 3, 9, 9, seed=2)
    found = memory(maps)
    for run in range(2):
        weight = memory.gates.weight[run].T.reshape(16, 7, 3, 3)
        hidden = cell = torch.zeros(5, 4, 9, 9, dtype=torch.float64)
        for step in range(3):
            both = torch.cat([maps[run, :, step], hidden], dim=1)
            patches = functional.unfold(both, 3, padding=1)  # (5, 63, 81)
            gates = (weight.flatten(1) @ patches + memory.gates.bias[run, 0][:, None]).view(5, 16, 9, 9)
            enter, forget, candidate, leave = gates[:, :4], gates[:, 4:8], gates[:, 8:12], gates[:, 12:]
            cell = forget.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
            hidden = leave.sigmoid() * cell.tanh()
        assert torch.allclose(found[run], hidden, rtol=1e-10)
