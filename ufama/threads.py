"""One thread for the libraries of linear algebra, where problems are too small to gain from more."""

import sys
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager:
    """A context in which these libraries, as far as they are loaded now, use one thread.

    Tiny products lose more to waiting threads than they gain from them, and on one thread their rounding is alike on
    every machine. The libraries are looked for (4 ms) where something was imported since, which may load another one.
    """
    return _libraries(len(sys.modules)).limit(limits=1)


@lru_cache(maxsize=1)
def _libraries(imported: int) -> "ThreadpoolController":
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
