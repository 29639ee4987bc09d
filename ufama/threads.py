"""One thread for the libraries of linear algebra, where problems are too small to gain from more."""

from contextlib import AbstractContextManager


def one_thread() -> AbstractContextManager:
    """A context in which these libraries, as far as they are loaded now, use one thread.

    Tiny products lose more to waiting threads than they gain from them, and on one thread their rounding is alike on
    every machine. The libraries are looked for each time (3 ms), because any import may load another one.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1)
