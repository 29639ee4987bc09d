"""Central moment discrepancy (CMD, arXiv:1702.08811), between two domains or from each source recording to the target.

Shapes: R runs, S source recordings, N windows, D features.
"""

import torch
from torch import Tensor

from ufama.methods.parts.source_recordings import membership


def recording_moment_discrepancy(
    source: Tensor,
    domain: Tensor,
    recordings: int,
    target: Tensor,
    moments: int = 2,
    *,
    constant_means: bool = False,
) -> tuple[Tensor, Tensor]:
    """Of each recording's windows in the batch: |difference of means| + the norms of the differences of the 2nd to the
    ``moments``-th central moments. Returns it and the recordings' windows, both (R, S); without windows it is 0.

    source (R, N, D), domain (R, N) int64, target (R, M, D). The interval's length, by whose powers CMD divides, is
    taken as 1, as the emotion literature does. With ``constant_means`` the difference of means has no gradient.
    """
    member = membership(domain, recordings).to(source.dtype)  # (R, S, N)
    count = member.sum(-1)
    share = member / count.clamp(min=1)[..., None]
    mean, target_mean = share @ source, target.mean(1, keepdim=True)
    discrepancy = torch.linalg.vector_norm(mean - target_mean, dim=-1)
    if constant_means:
        discrepancy = discrepancy.detach()
    deviation = source[:, None] - mean[:, :, None]  # (R, S, N, D)
    for power in range(2, moments + 1):
        moment = (share[..., None] * deviation**power).sum(2)
        target_moment = ((target - target_mean) ** power).mean(1, keepdim=True)
        discrepancy = discrepancy + torch.linalg.vector_norm(moment - target_moment, dim=-1)
    return discrepancy * (count > 0), count


def moment_discrepancy(source: Tensor, target: Tensor, moments: int = 2) -> Tensor:
    """`recording_moment_discrepancy` with all source windows in one: (R, N, D), (R, M, D) -> (R,)."""
    one = torch.zeros(source.shape[:2], dtype=torch.int64, device=source.device)
    return recording_moment_discrepancy(source, one, 1, target, moments)[0].squeeze(1)
