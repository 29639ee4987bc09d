"""The kind of error that a user can mend."""

from typing import ClassVar


class UserError(Exception):
    """An error whose message says what to mend; terminals and notebooks show it alone, without a traceback."""

    exit_code: ClassVar[int] = 2
    """Of the command that it ends."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]
