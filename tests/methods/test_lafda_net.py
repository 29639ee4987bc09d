"""LAFDA-Net-like: its terms are the named distances of the fused features, and all of it trains."""

import pytest
import torch

from tests.methods.steps import first_outputs, initialised, trainer
from ufama.core.losses import cross_entropy
from ufama.methods.lafda_net import METHOD, LowRankFusion
from ufama.methods.parts.alignment import coral


def test_terms_are_those_of_the_fused_features(small):
    made = trainer(METHOD, small, dropout=0.0, coral_weight=3.0)
    source, target, s, t = first_outputs(made)
    with torch.no_grad():
        score = [made.network.discriminator(z.fused, None)[0, :, 0].sigmoid() for z in (s, t)]
    terms = made.step(source, target, torch.tensor(1.0, dtype=torch.float64))
    assert terms.losses["classification"].item() == pytest.approx(cross_entropy(s.logits, source.label).mean().item())
    assert terms.losses["coral"].item() == pytest.approx(coral(s.fused, t.fused).item())
    by_hand = -(1 - score[0]).log().mean() - score[1].log().mean()
    assert terms.losses["domain"].item() == pytest.approx(by_hand.item())
    assert {name: weight.item() for name, weight in terms.weights.items()} == {
        "classification": 1.0,
        "coral": 3.0,
        "domain": 1.0,
    }


def test_it_equals_the_full_bilinear_map():
    runs, n, dx, dy, width, rank = 2, 5, 3, 4, 6, 2
    fusion = initialised(LowRankFusion(runs, dx, dy, width, rank))
    draw = torch.Generator().manual_seed(2)
    x = torch.randn(runs, n, dx, generator=draw, dtype=torch.float64)
    y = torch.randn(runs, n, dy, generator=draw, dtype=torch.float64)
    found = fusion(x, y)
    for run in range(runs):
        of_x = torch.cat([fusion.x_factors.weight[run], fusion.x_factors.bias[run]])  # (dx + 1, width * rank)
        of_y = torch.cat([fusion.y_factors.weight[run], fusion.y_factors.bias[run]])
        for h in range(width):
            tensor = sum(
                fusion.mix.weight[run, k, 0] * torch.outer(of_x[:, h * rank + k], of_y[:, h * rank + k])
                for k in range(rank)
            )
            for i in range(n):
                one = torch.ones(1, dtype=torch.float64)
                left, right = torch.cat([x[run, i], one]), torch.cat([y[run, i], one])
                expected = left @ tensor @ right + fusion.mix.bias[run, 0, 0]
                assert torch.allclose(found[run, i, h], expected, rtol=1e-12)
