"""Low-rank fusion: a bilinear map of two modalities whose weight tensor is a sum of few outer products.

Source: Liu et al., Efficient Low-rank Multimodal Fusion with Modality-Specific Factors, arXiv:1806.00064.
"""

from torch import Tensor, nn

from ufama.core.layers import StackedLinear


class LowRankFusion(nn.Module):
    """z_h = c_0 + sum over ranks k of c_k ([x, 1] . a_hk) ([y, 1] . b_hk): (R, N, Dx), (R, N, Dy) -> (R, N, H).

    The ones beside x and y keep what either modality says by itself. The full bilinear map would need
    (Dx + 1)(Dy + 1) H weights; this one has about (Dx + Dy + 2) H for each rank.
    """

    def __init__(self, runs: int, x_width: int, y_width: int, width: int, rank: int):
        super().__init__()
        self.x_factors = StackedLinear(runs, x_width, rank * width)
        self.y_factors = StackedLinear(runs, y_width, rank * width)
        self.mix = StackedLinear(runs, rank, 1)
        self.rank = rank

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        product = self.x_factors(x) * self.y_factors(y)  # (R, N, H ranks)
        return self.mix(product.unflatten(-1, (-1, self.rank))).squeeze(-1)
