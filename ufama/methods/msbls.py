"""MSBLS-like: broad learning systems stacked on the residual, EEG and eye in turn.

From the description only (Gong et al. 2024, IEEE TCSS 11(2), 2014-2025; no code is public): feature and enhancement
nodes of each modality, a ridge solution in closed form, the next block on the residual and on the nodes of the other
modality. Own decisions: the number of blocks and nodes, and EEG before eye. It does not adapt: of the target only the
scaling of its features is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from ufama.config import Range, ValidatedConfig, Width
from ufama.methods import FitData, Predictor, UnlabelledWindows
from ufama.methods.bases.fitted import as_fusion, flat, one_hot
from ufama.methods.bases.named import NamedMethod
from ufama.methods.bases.network import LayerWidth
from ufama.methods.parts.broad_learning import BroadLayer, BroadSystem, on_simplex
from ufama.seeds import derived_seed


@dataclass(frozen=True, kw_only=True)
class BroadConfig(ValidatedConfig):
    """Sizes of a broad learning system."""

    penalty: Annotated[float, Range(1e-12, 1e12)] = 1.0  # of the ridge solution
    groups: Annotated[int, Width] = 10  # of feature nodes
    group_nodes: Annotated[int, Width] = 10
    enhancement: Annotated[int, LayerWidth] = 200  # nodes
    shrink: Annotated[float, Range(1e-6, 100)] = 0.8  # the largest absolute sum that tanh sees on the source

    def sizes(self) -> dict:
        """What `BroadLayer.made_from` needs."""
        return {name: getattr(self, name) for name in ("groups", "group_nodes", "enhancement", "shrink")}


@dataclass(frozen=True, kw_only=True)
class MsblsConfig(BroadConfig):
    """Settings of MSBLS-like."""

    blocks: Annotated[int, Range(1, 64)] = 4  # EEG, eye, EEG, eye


class StackedSystems:
    """Blocks that are fitted one after the other to the residual of those before them; their scores add up.

    Block b reads its modality's features and the feature nodes of the block before it, which is the other modality's.
    """

    def __init__(self, eeg: np.ndarray, eye: np.ndarray, wanted: np.ndarray, config: MsblsConfig, seed: int):
        self._blocks: list[BroadSystem] = []
        residual = wanted
        for number, x in self._inputs(eeg, eye, config.blocks):
            draw = np.random.default_rng(derived_seed(seed, "broad learning", number))
            block = BroadSystem.fitted(x, residual, draw, config.penalty, **config.sizes())
            self._blocks.append(block)
            residual = residual - block.scores(x)

    def scores(self, eeg: np.ndarray, eye: np.ndarray) -> np.ndarray:
        """(n, De), (n, Dy) -> (n, C)."""
        inputs = self._inputs(eeg, eye, len(self._blocks))
        return sum(self._blocks[number].scores(x) for number, x in inputs)

    def _inputs(self, eeg: np.ndarray, eye: np.ndarray, blocks: int):
        """Yield each block's number and inputs; the block before it must be fitted when the next is requested."""
        x = eeg
        for number in range(blocks):
            yield number, x
            layer: BroadLayer = self._blocks[number].layer
            x = np.concatenate([eye if number % 2 == 0 else eeg, layer.feature_nodes(x)], axis=1)


class Msbls(NamedMethod[MsblsConfig]):
    """Stacked broad learning systems on EEG and eye."""

    name = "msbls"
    title = "MSBLS-like"
    source = "Gong et al. 2024, IEEE TCSS 11(2), 2014-2025 (description)"
    checked_against = "scikit-learn's Ridge and Lasso"
    defaults = MsblsConfig()
    search: ClassVar[Mapping[str, tuple]] = {"penalty": (1e-2, 1.0, 1e2, 1e4), "blocks": (2, 4)}

    def fit(self, config: MsblsConfig, data: FitData) -> Predictor:
        wanted = one_hot(data.source_label, data.classes)
        stacked = StackedSystems(*flat(data.source), wanted, config, data.seed)

        def predict(windows: UnlabelledWindows) -> np.ndarray:
            return as_fusion(on_simplex(stacked.scores(*flat(windows))))

        return predict


METHOD = Msbls()
