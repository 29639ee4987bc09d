"""Names, presets and variants: the answers that are the same for most methods."""

from collections.abc import Mapping
from typing import ClassVar, Generic

from ufama.config import ConfigError
from ufama.methods.contract import ConfigT, MethodInfo


class NamedMethod(MethodInfo[ConfigT], Generic[ConfigT]):
    """A method with one preset, one variant and no context, unless a subclass says otherwise.

    A subclass sets ``name``, ``title``, ``source``, ``checked_against`` and ``defaults``, the configuration of its
    first preset; `ufama.methods.MethodInfo` says what each is.
    """

    version: int = 1
    inputs: str = "eeg + eye"
    presets: tuple[str, ...] = ("paper",)
    variants: tuple[str, ...] = ("full",)
    search: ClassVar[Mapping[str, tuple]] = {}
    defaults: ConfigT

    def preset(self, name: str, *, dataset: str, variant: str) -> ConfigT:
        self.check_names(name, variant)
        return self.defaults

    def check_names(self, preset: str, variant: str) -> None:
        """Raise ConfigError, with the names that there are, for an unknown preset or variant."""
        for what, name, known in (("preset", preset, self.presets), ("variant", variant, self.variants)):
            if name not in known:
                raise ConfigError(f"{self.name} has no {what} {name!r}; choose one of {', '.join(known)}.")

    def context(self, config: ConfigT) -> int:
        return 1
