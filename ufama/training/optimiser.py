"""All parameters of a stack's network in one tensor: a step moves and rounds them in a few operations."""

import copy
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

LINE = 32
"""Every parameter starts at a multiple of so many numbers, a whole line of a processor's cache. The products of a run
depend in their last bits on where its factors lie; so they do not depend on the other runs in the stack."""

CHUNK = 2**21
"""Numbers that a CPU moves at a time: what one operation leaves is still in its cache for the next."""


class Segment(NamedTuple):
    """Where some of a chunk's numbers come from."""

    parameter: int | None  # of those trained; None: the padding behind one
    start: int  # within the parameter
    size: int


class Chunk(NamedTuple):
    """Neighbouring numbers, and the Adam that moves them."""

    values: nn.Parameter
    segments: list[Segment]
    adam: torch.optim.Adam
    rounded: Tensor | None


class Part(NamedTuple):
    """Some of a stack's runs, with networks whose parameters are views of the stack's."""

    runs: slice
    network: nn.Module
    sees: nn.Module  # the windows: the network, or its rounded copy
    leaves: list[nn.Parameter]  # those trained, of the rounded copy first


class FlatAdam:
    """Adam over one tensor that holds all parameters of a network, whose own become views of it.

    Parameters
    ----------
    network
        initialised, on its device
    trained
        what `Method.trained` gives: parameters, or groups of them
    learning_rate
        of the groups that name none
    rounded
        train a copy in bfloat16: the tensor keeps its precision, and the gradient at a rounded number moves the number
        it was rounded from
    runs
        the parts of the stack whose gradients `step` takes one after another; all runs at once unless named, which is
        needed where a parameter's first axis is not the runs

    Attributes
    ----------
    network
        the one that sees the windows: the network, or its rounded copy
    parameters
        those that are trained
    parts
        one for each of ``runs``

    Raises
    ------
    ValueError
        for a parameter that is trained twice or is not the network's
    """

    def __init__(
        self,
        network: nn.Module,
        trained: list,
        learning_rate: float,
        *,
        rounded: bool,
        runs: Sequence[slice] = (slice(None),),
    ):
        groups: list[dict[str, Any]] = trained if isinstance(trained[0], dict) else [{"params": trained}]
        self.parameters: list[nn.Parameter] = [parameter for group in groups for parameter in group["params"]]
        every, claimed = list(network.parameters()), {id(parameter) for parameter in self.parameters}
        if len(claimed) < len(self.parameters) or not claimed <= {id(parameter) for parameter in every}:
            raise ValueError("Method.trained has to give parameters of the method's own network, each of them once.")
        ordered = [*self.parameters, *(parameter for parameter in every if id(parameter) not in claimed)]
        starts = list(accumulate((_padded_size(parameter) for parameter in ordered), initial=0))
        self._values = every[0].detach().new_zeros(starts[-1])
        for parameter, start in zip(ordered, starts, strict=False):
            view = self._values[start : start + parameter.numel()].view(parameter.shape)
            parameter.data = view.copy_(parameter.detach())
        self.network = network
        self._rounded: Tensor | None = None
        self._copies: list[nn.Parameter] = []
        if rounded:
            self._rounded = self._values.bfloat16()
            copies = [nn.Parameter(_same_view(parameter, self._rounded)) for parameter in ordered]
            memo: dict[int, Any] = {id(parameter): twin for parameter, twin in zip(ordered, copies, strict=True)}
            self.network = copy.deepcopy(network, memo | {id(buffer): buffer for buffer in network.buffers()})
            self._copies = copies[: len(self.parameters)]
        if len(runs) == 1:
            self.parts = [Part(runs[0], network, self.network, [*self._copies, *self.parameters])]
        else:
            self.parts = [self._part(network, own) for own in runs]
        self._chunks, start = [], 0
        for group in groups:
            end = start + sum(_padded_size(parameter) for parameter in group["params"])
            size = CHUNK if self._values.device.type == "cpu" else end - start
            settings = {"lr": learning_rate} | {name: value for name, value in group.items() if name != "params"}
            self._chunks += [self._chunk(first, min(first + size, end), settings) for first in range(start, end, size)]
            start = end

    def _part(self, network: nn.Module, runs: slice) -> Part:
        own, views = _of_runs(network, runs)
        leaves = [views[parameter] for parameter in self.parameters]
        if not self._copies:
            return Part(runs, own, own, leaves)
        sees, views = _of_runs(self.network, runs)
        return Part(runs, own, sees, [*(views[copied] for copied in self._copies), *leaves])

    def _chunk(self, start: int, end: int, settings: dict[str, Any]) -> Chunk:
        segments = []
        for index, parameter in enumerate(self.parameters):
            first = int(parameter.storage_offset())
            last = first + parameter.numel()
            for source, low, high in ((index, first, last), (None, last, first + _padded_size(parameter))):
                low_in, high_in = max(low, start), min(high, end)
                if low_in < high_in:
                    segments.append(Segment(source, low_in - low, high_in - low_in))
        values = nn.Parameter(self._values[start:end])
        adam = torch.optim.Adam([values], fused=True, capturable=values.device.type == "cuda", **settings)
        values.grad = torch.zeros_like(values)
        before = values.detach().clone()
        adam.step()  # makes the moments, so that a step can be captured and restored
        with torch.no_grad():
            values.copy_(before)
            for moment in adam.state[values].values():
                moment.zero_()
        values.grad = None
        return Chunk(values, segments, adam, None if self._rounded is None else self._rounded[start:end])

    def step(self, losses: Iterable[Tensor]) -> None:
        """One step of Adam along the gradient of the ``losses`` (), one of each of `parts`; 0 where none depends on a
        parameter. A loss is asked for when the gradient of that before it has been taken, and its graph is gone."""
        of_parts = [
            torch.autograd.grad(loss, part.leaves, allow_unused=True)
            for part, loss in zip(self.parts, losses, strict=True)
        ]
        gradients = of_parts[0] if len(of_parts) == 1 else tuple(map(_joined, zip(*of_parts, strict=True)))
        at_copies, exact = gradients[: len(self._copies)], gradients[len(self._copies) :]
        for chunk in self._chunks:
            chunk.values.grad = _flat_gradient(chunk, at_copies or exact)
            if at_copies and any(gradient is not None for gradient in exact):  # through parts the outputs do not hold
                chunk.values.grad += _flat_gradient(chunk, exact)
            chunk.adam.step()
            chunk.values.grad = None
            if chunk.rounded is not None:
                chunk.rounded.copy_(chunk.values.detach())

    @torch.no_grad()
    def sync_copy(self) -> None:
        """Round the copy again: to be called when the network's parameters were written from outside."""
        if self._rounded is not None:
            self._rounded.copy_(self._values)

    def tensors(self) -> dict[str, Tensor]:
        """What Adam carries from step to step, by name."""
        return {
            f"{number}.{name}": value
            for number, chunk in enumerate(self._chunks)
            for name, value in chunk.adam.state[chunk.values].items()
        }


def _of_runs(network: nn.Module, runs: slice) -> tuple[nn.Module, dict[nn.Parameter, nn.Parameter]]:
    """The network of some runs, and its parameters by those of the stack's, of which they are views."""
    views = {parameter: nn.Parameter(parameter.detach()[runs]) for parameter in network.parameters()}
    return copy.deepcopy(network, {id(parameter): view for parameter, view in views.items()}), views


def _joined(gradients: Sequence[Tensor | None]) -> Tensor | None:
    """The gradients of all runs at one parameter; None where no part's loss depends on it."""
    known = [gradient for gradient in gradients if gradient is not None]
    return torch.cat(known) if known else None


def _padded_size(parameter: Tensor) -> int:
    """Numbers from the start of a parameter to that of the next."""
    return -(-parameter.numel() // LINE) * LINE


def _same_view(parameter: Tensor, values: Tensor) -> Tensor:
    """The part of another such tensor that lies where ``parameter`` lies in its own, in its shape."""
    return values.as_strided(parameter.shape, parameter.stride(), parameter.storage_offset())


def _flat_gradient(chunk: Chunk, gradients: tuple[Tensor | None, ...]) -> Tensor:
    """The gradient at a chunk's numbers, in their precision."""
    flat = torch.empty_like(chunk.values)
    views = flat.split([segment.size for segment in chunk.segments])
    for segment, view in zip(chunk.segments, views, strict=True):
        gradient = None if segment.parameter is None else gradients[segment.parameter]
        if gradient is None:
            view.zero_()
        elif segment.size == gradient.numel():
            view.view(gradient.shape).copy_(gradient)
        else:
            view.copy_(gradient.flatten()[segment.start : segment.start + segment.size])
    return flat
