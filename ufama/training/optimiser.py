"""All parameters of a stack's network in one tensor: a step moves and rounds them in a few operations."""

import copy
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor, nn

LINE = 32
"""Every parameter starts at a multiple of so many numbers, a whole line of a processor's cache. The products of a run
depend in their last bits on where its factors lie; so they do not depend on the run's companions."""

AT_ONCE = 2**21
"""Numbers that a CPU moves at a time: what one operation leaves is still in its cache for the next."""


class Part(NamedTuple):
    """Where a piece's numbers come from."""

    parameter: int | None  # of those trained; None: the space behind one
    start: int  # among the parameter's own
    size: int


class Piece(NamedTuple):
    """Neighbouring numbers, and the Adam that moves them."""

    values: nn.Parameter
    parts: list[Part]
    optimiser: torch.optim.Adam
    rounded: Tensor | None


class Weights:
    """The parameters of a network, side by side in one tensor, of which the network's own become views; and Adam.

    network        initialised, on its device
    trained        what `Method.trained` gives: parameters, or groups of them
    learning_rate  of those that name none
    rounded        train a copy in bfloat16: the tensor keeps its precision, and the gradient at a rounded number moves
                   the number it was rounded from

    Raises ValueError for a parameter that is trained twice or is not the network's.
    """

    def __init__(self, network: nn.Module, trained: list, learning_rate: float, *, rounded: bool):
        groups = trained if isinstance(trained[0], dict) else [{"params": trained}]
        self.trained = [parameter for group in groups for parameter in group["params"]]
        known, claimed = list(network.parameters()), {id(parameter) for parameter in self.trained}
        if len(claimed) < len(self.trained) or not claimed <= {id(parameter) for parameter in known}:
            raise ValueError("Method.trained has to give parameters of the method's own network, each of them once.")
        every = [*self.trained, *(parameter for parameter in known if id(parameter) not in claimed)]
        starts = list(accumulate((_room(parameter) for parameter in every), initial=0))
        self._values = known[0].detach().new_zeros(starts[-1])
        for parameter, start in zip(every, starts, strict=False):
            place = self._values[start : start + parameter.numel()].view(parameter.shape)
            parameter.data = place.copy_(parameter.detach())
        self.network = network  # the one that sees the windows
        self._copies: list[nn.Parameter] = []
        if rounded:
            self._rounded = self._values.bfloat16()
            copies = [nn.Parameter(_at_place_of(parameter, self._rounded)) for parameter in every]
            twins = {id(parameter): twin for parameter, twin in zip(every, copies, strict=True)}
            self.network = copy.deepcopy(network, twins | {id(buffer): buffer for buffer in network.buffers()})
            self._copies = copies[: len(self.trained)]
        self._pieces, start = [], 0
        for group in groups:
            end = start + sum(_room(parameter) for parameter in group["params"])
            at_once = AT_ONCE if self._values.device.type == "cpu" else end - start
            for first in range(start, end, at_once):
                settings = {"lr": learning_rate} | {name: value for name, value in group.items() if name != "params"}
                self._pieces.append(self._piece(first, min(first + at_once, end), settings))
            start = end

    def _piece(self, start: int, end: int, settings: dict) -> Piece:
        parts = []
        for index, parameter in enumerate(self.trained):
            first = parameter.storage_offset()
            last = first + parameter.numel()
            for of, low, high in ((index, first, last), (None, last, first + _room(parameter))):
                low_in, high_in = max(low, start), min(high, end)
                if low_in < high_in:
                    parts.append(Part(of, low_in - low, high_in - low_in))
        values = nn.Parameter(self._values[start:end])
        optimiser = torch.optim.Adam([values], fused=True, capturable=values.device.type == "cuda", **settings)
        values.grad = torch.zeros_like(values)
        before = values.detach().clone()
        optimiser.step()  # makes the moments, so that a step can be captured and restored
        with torch.no_grad():
            values.copy_(before)
            for moment in optimiser.state[values].values():
                moment.zero_()
        values.grad = None
        return Piece(values, parts, optimiser, self._rounded[start:end] if self._copies else None)

    def descend(self, loss: Tensor) -> None:
        """One step of Adam along the gradient of ``loss`` (), 0 where it does not depend on a parameter."""
        found = torch.autograd.grad(loss, [*self._copies, *self.trained], allow_unused=True)
        at_copies, exact = found[: len(self._copies)], found[len(self._copies) :]
        for piece in self._pieces:
            piece.values.grad = _joined(piece, at_copies or exact)
            if at_copies and any(gradient is not None for gradient in exact):  # through parts the outputs do not hold
                piece.values.grad += _joined(piece, exact)
            piece.optimiser.step()
            piece.values.grad = None
            if piece.rounded is not None:
                piece.rounded.copy_(piece.values.detach())

    @torch.no_grad()
    def restored(self) -> None:
        """To be called when the network's parameters were written from outside."""
        if self._copies:
            self._rounded.copy_(self._values)

    def tensors(self) -> dict[str, Tensor]:
        """What Adam carries from step to step, by name."""
        return {
            f"{number}.{name}": value
            for number, piece in enumerate(self._pieces)
            for name, value in piece.optimiser.state[piece.values].items()
        }


def _room(parameter: Tensor) -> int:
    """Numbers from the start of a parameter to that of the next."""
    return -(-parameter.numel() // LINE) * LINE


def _at_place_of(parameter: Tensor, values: Tensor) -> Tensor:
    """The part of another such tensor that lies where ``parameter`` lies in its own, in its shape."""
    return values.as_strided(parameter.shape, parameter.stride(), parameter.storage_offset())


def _joined(piece: Piece, gradients: tuple[Tensor | None, ...]) -> Tensor:
    """The gradient at a piece's numbers, in their precision."""
    joined = torch.empty_like(piece.values)
    places = joined.split([part.size for part in piece.parts])
    for part, place in zip(piece.parts, places, strict=True):
        gradient = None if part.parameter is None else gradients[part.parameter]
        if gradient is None:
            place.zero_()
        elif part.size == gradient.numel():
            place.view(gradient.shape).copy_(gradient)
        else:
            place.copy_(gradient.flatten()[part.start : part.start + part.size])
    return joined
