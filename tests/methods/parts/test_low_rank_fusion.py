"""Low-rank fusion is the bilinear map whose tensor is the sum of its outer products."""

import torch

from ufama.core.layers import initialise
from ufama.methods.parts.low_rank_fusion import LowRankFusion


def test_it_equals_the_full_bilinear_map():
    runs, n, dx, dy, width, rank = 2, 5, 3, 4, 6, 2
    fusion = LowRankFusion(runs, dx, dy, width, rank)
    initialise(fusion, [0, 1])
    fusion.double()
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
