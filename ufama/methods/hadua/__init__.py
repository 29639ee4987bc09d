"""HADUA (arXiv:2601.21488)."""

from ufama.methods.hadua.method import METHOD

__all__ = ["METHOD"]
