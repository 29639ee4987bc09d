"""TSSSA-Net-like: every token reads the tokens of each axis, and gates decide how much of it is added."""

import torch
from torch.nn import functional

from tests.methods.electrodes import named
from tests.methods.steps import attention_by_heads, first_batch, initialised, normal, trainer
from ufama.core.random import DropoutIds
from ufama.methods.tsssa_net import METHOD, ClassDecoder, SynchronousLayer, TsssaConfig, axes

SMALL = {"width": 8, "ffn_width": 8}


def test_a_layer_equals_a_loop_over_tokens_and_axes():
    sizes = (3, 2, 4)
    layer = initialised(SynchronousLayer(2, sizes, TsssaConfig(**SMALL), DropoutIds()))
    x = normal(2, 3, 9, 8, seed=1)
    found = layer(x, None)
    for run in range(2):
        for n in range(3):
            normed = functional.layer_norm(x[run, n], (8,))
            for token in range(9):
                value = x[run, n, token].clone()
                for axis, of_axis in enumerate(normed.split(sizes)):
                    z = attention_by_heads(normed[token : token + 1], of_axis, layer.attend[axis], run)[0]
                    gate = layer.gate[axis]
                    share = (torch.cat([normed[token], z]) @ gate.weight[run] + gate.bias[run, 0]).sigmoid()
                    value = value + share * z
                forward = layer.feed_forward
                hidden = functional.layer_norm(value, (8,)) @ forward.expand.weight[run] + forward.expand.bias[run, 0]
                value = value + hidden.relu() @ forward.contract.weight[run] + forward.contract.bias[run, 0]
                torch.testing.assert_close(found[run, n, token], value, rtol=1e-9, atol=1e-12)


def test_each_class_has_a_query_that_attends_to_all_tokens():
    decoder = initialised(ClassDecoder(2, 3, TsssaConfig(**SMALL), DropoutIds()))
    tokens = normal(2, 4, 5, 8, seed=2)
    found = decoder(tokens, None)
    for run in range(2):
        for n in range(4):
            normed = functional.layer_norm(tokens[run, n], (8,))
            for label in range(3):
                query = decoder.queries.weight[run, label : label + 1]
                expected = functional.layer_norm(query + attention_by_heads(query, normed, decoder.attend, run), (8,))
                torch.testing.assert_close(found[run, n, label], expected[0], rtol=1e-9, atol=1e-12)


def test_tokens_hold_the_values_of_their_window_band_or_electrode():
    eeg = normal(1, 2, 3, 4, 5)  # windows, electrodes, bands
    of_window, of_band, of_electrode = axes(eeg)
    assert [x.shape[2:] for x in (of_window, of_band, of_electrode)] == [(3, 20), (5, 12), (4, 15)]
    assert set(of_window[0, 1, 2].tolist()) == set(eeg[0, 1, 2].flatten().tolist())
    assert set(of_band[0, 1, 4].tolist()) == set(eeg[0, 1, :, :, 4].flatten().tolist())
    assert set(of_electrode[0, 1, 3].tolist()) == set(eeg[0, 1, :, 3].flatten().tolist())


def test_eyes_are_not_read(small):
    made = trainer(METHOD, named(small), **SMALL)
    source, _ = first_batch(made)
    with torch.no_grad():
        assert torch.equal(made.network(source.eeg, source.eye).fused, made.network(source.eeg, -source.eye).fused)
