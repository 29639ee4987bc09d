"""Work on a GPU recorded once as a CUDA graph and replayed with one launch."""

from collections.abc import Callable

import torch

WARM_UP = 3  # calls before a recording: compilation, the allocator and the libraries settle in them


def recorded(
    work: Callable[[], None], device: torch.device, before: Callable[[], object] = lambda: None
) -> Callable[[], object]:
    """Record ``work`` as a CUDA graph; what replays it.

    Parameters
    ----------
    work
        reads and writes tensors that stay where they are, and waits for none of their values. It is called a few times
        before the recording, compiled parts of it are compiled by that; the recording itself runs nothing.
    before
        called before each of these calls

    Raises
    ------
    RuntimeError
        where there is no GPU, or for work that cannot be recorded
    """
    if device.type != "cuda":
        raise RuntimeError(f"{device} is no GPU")
    with torch.cuda.device(device):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                before()
                work()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # Other threads of this process may use the GPU meanwhile.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            work()
    return graph.replay
