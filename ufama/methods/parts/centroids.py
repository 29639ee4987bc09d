"""Class centroids that move from batch to batch, and how far those of two domains are apart in angle.

The conditional part of MFA-LR's alignment. Shapes: R runs, C classes, D features; "..." may hold source recordings.
"""

from torch import Tensor
from torch.nn import functional


def moved_centroids(memory: Tensor, features: Tensor, member: Tensor, share: float = 0.9) -> Tensor:
    """``share`` of the batch's class means and the rest of the memory; a class without windows keeps its memory.

    memory (R, ..., C, D), features (R, N, D), member (R, ..., C, N) 1 where a window counts for the class -> as memory.
    """
    member = member.to(features.dtype)
    count = member.sum(-1, keepdim=True)
    for _ in range(member.ndim - 3):
        features = features.unsqueeze(1)
    mean = member @ features / count.clamp(min=1)
    return memory + share * (count > 0) * (mean - memory)


def centroid_distance(source: Tensor, target: Tensor) -> Tensor:
    """Sum over classes of 1 - cosine; a class that one side has not seen yet costs 1: (R, ..., C, D) twice -> (R, ...).

    Both sides need as many axes.
    """
    return (1 - functional.cosine_similarity(source, target, dim=-1, eps=1e-12)).sum(-1)
