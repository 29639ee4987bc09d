"""ACRNN-like: attention weighs channels, and every feature's steps in time."""

import torch

from tests.methods.steps import initialised, normal
from ufama.methods.acrnn import ChannelAttention, TimeAttention


def test_channel_attention_equals_a_loop():
    attention = initialised(ChannelAttention(2, 5, 3))
    x = normal(2, 4, 3, 5, 2, seed=1)
    found = attention(x)
    for run in range(2):
        for n in range(4):
            mean = torch.stack([x[run, n, :, channel].mean() for channel in range(5)])
            hidden = torch.tanh(mean @ attention.squeeze.weight[run] + attention.squeeze.bias[run, 0])
            weight = (hidden @ attention.expand.weight[run] + attention.expand.bias[run, 0]).softmax(0)
            for channel in range(5):
                assert torch.allclose(found[run, n, :, channel], x[run, n, :, channel] * weight[channel] * 5)


def test_time_attention_is_a_weighted_mean_of_each_feature():
    attention = initialised(TimeAttention(2, 4))
    states = normal(2, 3, 6, 4, seed=2)
    found = attention(states)
    assert (found <= states.amax(2)).all()
    assert (found >= states.amin(2)).all()
    with torch.no_grad():
        attention.score.weight.zero_()
    assert torch.allclose(attention(states), states.mean(2))
