"""The fast forms for a CPU; each has the arguments of the definition that it replaces."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ufama.core.fast.attention import attend, cross_attention_pair
from ufama.core.fast.maps import (
    Affine,
    LinearMap,
    concat_outputs,
    norm_and_residual,
    norm_with_constant,
    normalised,
)

if TYPE_CHECKING:
    from ufama.core import network
    from ufama.core.attention import StackedAttention
    from ufama.core.layers import StackedLayerNorm, StackedLinear
    from ufama.core.random import CounterRNG


def linear(layer: "StackedLinear", x: Tensor) -> Tensor:
    """`StackedLinear`: bias and product in one operation."""
    return _map(layer)(x)


def layer_norm(norm: "StackedLayerNorm", x: Tensor) -> Tensor:
    """`StackedLayerNorm`: its backward pass needs no copy of the input."""
    return _affine(norm)(normalised(x))


def attention(
    layer: "StackedAttention",
    query: Tensor,
    context: Tensor,
    rng: "CounterRNG | None",
    folded_norm: Affine | None = None,
) -> Tensor:
    """`StackedAttention`: projections of the same tokens are one product, and derivatives are written out.

    ``folded_norm``: query and context are rows of `norm_with_constant`, and this is the rest of their layer norm.
    """
    if query is context:
        projections = [concat_outputs(*_query_maps(layer), *_key_value_maps(layer))]
        inputs = [query]
    else:
        projections = [concat_outputs(*_query_maps(layer)), concat_outputs(*_key_value_maps(layer))]
        inputs = [query, context]
    if folded_norm is not None:
        projections = [projection.fold_layer_norm(folded_norm) for projection in projections]
    projected = [projection(z) for projection, z in zip(projections, inputs, strict=True)]
    keep = None
    if rng is not None and layer.dropout.rate:
        shape = torch.Size((*query.shape[:2], layer.heads, query.shape[2], context.shape[2]))
        keep = rng.bernoulli_mask(layer.dropout.layer, shape, layer.dropout.rate).permute(2, 0, 1, 3, 4)
    return layer.output(attend(projected, layer.heads, keep, 1 - layer.dropout.rate))


def encoder_block(block: "network.EncoderBlock", z: Tensor, rng: "CounterRNG | None") -> Tensor:
    """`EncoderBlock`: with pre-norm, each norm is folded into the weights of the map that follows it."""
    if block.pre_norm:
        normed, z = norm_and_residual(z)
        attended = attention(block.attention, normed, normed, rng, _affine(block.attention_norm))
        z = z + block.attention_dropout(attended, rng)
        normed, z = norm_and_residual(z)
        return z + block.feed_forward_dropout(
            _feed_forward(block.feed_forward, normed, rng, _affine(block.feed_forward_norm)), rng
        )
    z = block.attention_norm(z + block.attention_dropout(attention(block.attention, z, z, rng), rng))
    fed = _feed_forward(block.feed_forward, z, rng)
    return block.feed_forward_norm(z + block.feed_forward_dropout(fed, rng))


def _feed_forward(
    layers: "network.FeedForward", z: Tensor, rng: "CounterRNG | None", folded_norm: Affine | None = None
) -> Tensor:
    """`FeedForward`, whose ReLU writes over its argument."""
    expand = _map(layers.expand)
    if folded_norm is not None:
        expand = expand.fold_layer_norm(folded_norm)
    return layers.contract(layers.dropout(expand(z, rectified=True), rng))


def fusion(fusion: "network.Fusion", eeg: Tensor, eye: Tensor, rng: "CounterRNG | None") -> Tensor:
    """`Fusion`: norm, projection, and queries, keys and values of both directions are one product per modality."""
    to_eeg, to_eye = fusion.eye_to_eeg.attention, fusion.eeg_to_eye.attention
    eeg_project, eye_project = _map(fusion.eeg_project), _map(fusion.eye_project)
    if fusion.norm:
        eeg, eye = norm_with_constant(eeg), norm_with_constant(eye)
        eeg_project = eeg_project.fold_layer_norm(_affine(fusion.eeg_norm))
        eye_project = eye_project.fold_layer_norm(_affine(fusion.eye_norm))
    eeg_maps = concat_outputs(*_query_maps(to_eeg), *_key_value_maps(to_eye)).compose(eeg_project)
    eye_maps = concat_outputs(*_query_maps(to_eye), *_key_value_maps(to_eeg)).compose(eye_project)
    eeg_attended, eye_attended = cross_attention_pair(eeg_maps(eeg), eye_maps(eye), to_eeg.heads)
    eeg = eeg_project(eeg) + to_eeg.output(eeg_attended)
    eye = eye_project(eye) + to_eye.output(eye_attended)
    return torch.cat([fusion.eeg_output(eeg.flatten(2)), fusion.eye_output(eye.flatten(2))], dim=-1)


def _map(layer: "StackedLinear") -> LinearMap:
    return LinearMap(layer.weight, layer.bias)


def _affine(norm: "StackedLayerNorm") -> Affine:
    return Affine(norm.weight, norm.bias)


def _query_maps(layer: "StackedAttention") -> list[LinearMap]:
    return [_map(layer.query)]


def _key_value_maps(layer: "StackedAttention") -> list[LinearMap]:
    return [_map(layer.key), _map(layer.value)]
