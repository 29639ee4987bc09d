"""InfoNCE between two views of the same windows. Shapes: R runs, N windows, D features."""

import torch
from torch import Tensor
from torch.nn import functional


def cross_view_contrast(x: Tensor, y: Tensor, temperature: float, negative: Tensor | None = None) -> Tensor:
    """InfoNCE between two views of the same windows, in both directions: (R, N, D), (R, N, D) -> (R,).

    The mean of -log softmax_j(cos(x_i, y_j) / temperature) at j = i, and of the same from y to x (van den Oord et al.
    2018, arXiv:1807.03748; both directions as in CLIP, Radford et al. 2021, arXiv:2103.00020). With ``negative``
    (R, N, N) bool, symmetric, the softmax is over j = i and the windows j where it is true.
    """
    similarity = functional.normalize(x, dim=-1) @ functional.normalize(y, dim=-1).transpose(1, 2) / temperature
    if negative is not None:
        positive = torch.eye(x.shape[1], dtype=torch.bool, device=x.device)
        similarity = similarity.masked_fill(~(negative | positive), -torch.inf)
    forward = torch.diagonal(similarity.log_softmax(2), dim1=1, dim2=2)
    backward = torch.diagonal(similarity.log_softmax(1), dim1=1, dim2=2)
    return -(forward + backward).mean(-1) / 2
