"""Which stack of a campaign is trained next: those begun before, then as many runs at once as finish in time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from ufama.campaigns.checkpoints import unfinished_stacks
from ufama.campaigns.experiments import Stack
from ufama.campaigns.pace import SAFETY, KindPace, Pace, affordable_runs, epochs_of, kind_of
from ufama.campaigns.plans import PlanCache
from ufama.campaigns.results import RunStore
from ufama.campaigns.time_limits import TimeLimit
from ufama.methods import is_fitted, method

LEAST_EPOCHS = 3
"""A stack is begun if the time that is left holds so many of its epochs, or all of them."""


class Paces:
    """How fast each kind of stack trains here; kept beside the checkpoints, so that a later start knows it."""

    def __init__(self, cache: PlanCache):
        self._cache = cache

    def of(self, kind: str) -> KindPace | None:
        """None for a kind that was never measured."""
        measured = self._cache.get(f"pace {kind}")
        return KindPace({int(pace[0]): Pace(*pace) for pace in measured.values()}) if measured else None

    def learn(self, kind: str, pace: Pace) -> None:
        """Remember a pace, in place of an earlier one of as many runs."""
        measured = self._cache.get(f"pace {kind}") or {}
        self._cache.set(f"pace {kind}", measured | {str(pace.runs): pace})


class Schedule:
    """The stacks that a campaign still has to train. Without a time limit they are trained as they are.

    Parameters
    ----------
    stacks
        as `ufama.campaigns.experiments.stacks` forms them, in their order
    begun
        stacks that have a checkpoint: they come first, and stay as they are
    is_finished
        whether a run has a record
    machine
        as `kind_of` takes it
    first_size
        runs of a stack at most whose kind was never measured, under a time limit

    Attributes
    ----------
    open : set of str
        digests of the runs that are not finished
    limit : TimeLimit or None

    Notes
    -----
    A stack of which some runs are finished is trained without them, unless they were trained in this very stack by a
    campaign that was killed while it stored them: then it is trained whole, as it was.
    """

    def __init__(
        self,
        stacks: Iterable[Stack],
        *,
        begun: Iterable[Stack],
        store: RunStore,
        is_finished: Callable[[str], bool],
        limit: TimeLimit | None,
        machine: str,
        first_size: int,
    ):
        begun = list(begun)
        self.limit, self._machine, self._first_size = limit, machine, first_size
        self._store, self._is_finished = store, is_finished
        self._paces = Paces(PlanCache(store.unfinished))
        self._stopped: list[Stack] = []
        self._longest_start = 0.0  # seconds of a stack until some epochs are done
        self._begun = {stack.digests for stack in begun}
        self._queue = deque([*begun, *stacks])
        self.open = {digest for stack in self._queue for digest in stack.digests if not is_finished(digest)}
        self._queue = deque(stack for stack in self._queue if self.open.intersection(stack.digests))

    def __len__(self) -> int:
        """Stacks that have not been taken, as they are now."""
        return len(self._queue)

    def take(self) -> Stack | None:
        """The next stack to be trained; None where there is none, or none that can begin in the time left."""
        self._learn_from_notes()
        skipped, taken = [], None
        while self._queue and taken is None:
            stack = self._without_finished(self._queue.popleft())
            if stack is None:
                continue
            size = self._size(stack)
            if size:
                taken, rest = Stack(stack.jobs[:size]), stack.jobs[size:]
                if rest:
                    self._queue.appendleft(Stack(rest))
            else:
                skipped.append(stack)
        self._queue.extendleft(reversed(skipped))
        return taken

    def put_back(self, stack: Stack, *, first: bool = False) -> None:
        """A stack that was taken and not trained: to be taken again, as the last one or the next."""
        (self._queue.appendleft if first else self._queue.append)(stack)

    def stop(self, stack: Stack) -> None:
        """A stack that the time limit stopped: its checkpoint is for a later start."""
        self._begun.add(stack.digests)
        self._stopped.append(stack)

    def done(self, stack: Stack) -> None:
        """Count the stack's runs as finished."""
        self.open -= set(stack.digests)

    def learn(self, stack: Stack, pace: Pace | None) -> None:
        """Remember how fast a stack has trained. One of an unknown kind is expected to start as slowly."""
        if pace is not None:
            self._paces.learn(kind_of(stack, self._machine), pace)
            self._longest_start = max(self._longest_start, pace.startup + LEAST_EPOCHS * pace.worst)

    def seconds_left(self) -> tuple[float, int]:
        """Seconds of training, one stack after the other, that the open runs still need; and runs of unknown kinds."""
        begun = {note.digests: note for note, _ in unfinished_stacks(self._store.unfinished).values()}
        seconds, unknown = 0.0, 0
        for stack in self._open_stacks():
            pace, note = self._paces.of(kind_of(stack, self._machine)), begun.get(stack.digests)
            if pace is None:
                unknown += len(stack.jobs)
            else:
                reached = note.epoch if note and stack.digests in self._begun else 0
                seconds += pace.seconds(len(stack.jobs), epochs_of(stack) - reached)
        return seconds, unknown

    def _open_stacks(self) -> Iterator[Stack]:
        for stack in (*self._stopped, *self._queue):
            jobs = tuple(job for job in stack.jobs if job.digest in self.open)
            if jobs:
                yield stack if stack.digests in self._begun else Stack(jobs)

    def _without_finished(self, stack: Stack) -> Stack | None:
        """The runs of a stack that are trained; None where all are finished."""
        finished = {digest for digest in stack.digests if self._is_finished(digest)}
        self.open -= finished
        if len(finished) == len(stack.jobs):
            return None
        if not finished or stack.digests in self._begun or self._was_being_stored(stack, finished):
            return stack
        return Stack(tuple(job for job in stack.jobs if job.digest not in finished))

    def _was_being_stored(self, stack: Stack, finished: set[str]) -> bool:
        stored = min((digest for digest in finished if self._store.has(digest)), default=None)
        return stored is not None and self._store.load(stored).metadata.get("stack") == list(stack.digests)

    def _size(self, stack: Stack) -> int:
        """How many runs of a stack are begun now; 0: none."""
        if self.limit is None:
            return len(stack.jobs)
        left, most, epochs = self.limit.left(), len(stack.jobs), epochs_of(stack)
        fitted, pace = is_fitted(method(stack.config.method)), self._paces.of(kind_of(stack, self._machine))
        begun = stack.digests in self._begun
        if pace is None:
            size = most if begun else 1 if fitted else min(most, self._first_size)
            return size if left > self._longest_start else 0
        size = most
        if not begun:
            size = affordable_runs(pace, most, epochs, left, self.limit.whole)
            size = -(-most // -(-most // size))  # in parts as equal as possible
        first = pace.of(size)
        needed = first.worst if fitted else first.startup + SAFETY * LEAST_EPOCHS * first.worst
        return size if left > min(needed, pace.seconds(size, epochs)) else 0

    def _learn_from_notes(self) -> None:
        """Of the stacks in training, once two of their epochs are done."""
        if self.limit is None:
            return
        for note, _ in unfinished_stacks(self._store.unfinished).values():
            if note.pace is not None and note.kind and self._paces.of(note.kind) is None:
                self._paces.learn(note.kind, note.pace)
