"""HADUA (arXiv:2601.21488): hierarchical attention over sequences of windows, and conditional alignment with soft,
aligned and weighted pseudo-labels. `config`, `network` and `confidence` in the order of the paper; `method` joins them.
"""

from ufama.methods.hadua.method import METHOD

__all__ = ["METHOD"]
