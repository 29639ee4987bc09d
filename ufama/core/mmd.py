"""Maximum mean discrepancy with several Gaussian kernels (section 2.3)."""

import torch
from torch import Tensor


def mean_squared_distance(x: Tensor, floor: float = 0.0) -> Tensor:
    """Mean of |x_i - x_j|^2 + floor over ordered pairs, divided by n^2 - n: (R, n, D) -> (R,).

    From sums of squares, without the distance matrix: sum_ij |x_i - x_j|^2 = 2 n sum_i |x_i|^2 for centred x.
    """
    n = x.shape[1]
    centred = x - x.mean(1, keepdim=True)
    return (2 * n * centred.square().sum((1, 2)) + n * n * floor) / (n * n - n)


def squared_distances(x: Tensor) -> Tensor:
    """|x_i - x_j|^2 of every pair, from the products of centred rows: (R, n, D) -> (R, n, n)."""
    centred = x - x.mean(1, keepdim=True).detach()
    squares = centred.square().sum(-1)
    gram = centred @ centred.transpose(1, 2)
    return (squares[:, :, None] + squares[:, None, :] - 2 * gram).clamp(min=0)


def gaussian_kernels(squared_distance: Tensor, bandwidth: Tensor, kernels: int, combination: str = "sum") -> Tensor:
    """Sum or mean of ``kernels`` Gaussians exp(-d^2 / (bandwidth 2^u)), u centred on 0 (five kernels: -2 to 2).

    squared_distance (R, ...), bandwidth (R,) -> (R, ...). The widest is exponentiated once; each narrower kernel is
    the square of the one before.
    """
    widest = bandwidth * 2.0 ** (kernels - 1 - kernels // 2)
    kernel = torch.exp(-squared_distance / widest.view(-1, *[1] * (squared_distance.ndim - 1)))
    total = kernel
    for _ in range(kernels - 1):
        kernel = kernel.square()
        total = total + kernel
    return total / kernels if combination == "mean" else total


def pooled_bandwidth(source: Tensor, target: Tensor, floor: float) -> Tensor:
    """(R,) the kernels' bandwidth: mean squared distance of the pooled batch, held constant in the gradient."""
    return mean_squared_distance(torch.cat([source, target], dim=1).detach(), floor).clamp(min=1e-12)


def pooled_kernel(
    source: Tensor, target: Tensor, kernels: int = 5, floor: float = 0.0, combination: str = "sum"
) -> Tensor:
    """The combined Gaussians of every pair of the pooled batch: (R, Ns, D), (R, Nt, D) -> (R, Ns + Nt, Ns + Nt).

    ``floor`` is added to every squared distance.
    """
    squared_distance = squared_distances(torch.cat([source, target], dim=1)) + floor
    return gaussian_kernels(squared_distance, pooled_bandwidth(source, target, floor), kernels, combination)


def mmd_quadratic(
    source: Tensor, target: Tensor, kernels: int = 5, floor: float = 0.0, combination: str = "sum"
) -> Tensor:
    """The biased squared MMD: the RKHS distance of Eq. (9) between mean embeddings, squared and expanded, Eq. (10).

    mean k(S, S) + mean k(T, T) - 2 mean k(S, T), k the combined Gaussians: the sum of all pairs of the pooled batch,
    where a source window counts 1 / Ns and a target window -1 / Nt.

    source (R, Ns, D), target (R, Nt, D) -> (R,).
    """
    kernel = pooled_kernel(source, target, kernels, floor, combination)
    ns, nt = source.shape[1], target.shape[1]
    share = torch.cat([source.new_full((ns,), 1 / ns), target.new_full((nt,), -1 / nt)])
    return (kernel * (share[:, None] * share)).sum((1, 2))


def mmd_neighbours(
    source: Tensor, target: Tensor, kernels: int = 5, floor: float = 0.0, combination: str = "sum"
) -> Tensor:
    """The linear-time estimator over neighbouring pairs j = i + 1 mod N; source and target of equal size.

    Mean over i of k(s_i, s_j) + k(t_i, t_j) - k(s_i, t_j) - k(s_j, t_i). (R, N, D), (R, N, D) -> (R,).
    Raises ValueError when the sizes differ.
    """
    if source.shape != target.shape:
        raise ValueError(
            f"the neighbouring-pair MMD needs as many source as target windows, got {source.shape[1]} and "
            f"{target.shape[1]}: use the quadratic estimator for unequal batches."
        )
    bandwidth = pooled_bandwidth(source, target, floor)
    next_source, next_target = source.roll(-1, dims=1), target.roll(-1, dims=1)

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return gaussian_kernels((x - y).square().sum(-1) + floor, bandwidth, kernels, combination)

    return (
        kernel(source, next_source)
        + kernel(target, next_target)
        - kernel(source, next_target)
        - kernel(next_source, target)
    ).mean(-1)


ESTIMATORS = {"quadratic": mmd_quadratic, "neighbours": mmd_neighbours}
