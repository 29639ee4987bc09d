"""What a training may use of this machine: checked before anything is read or trained."""

import torch

from ufama.campaigns.checkpoints import checkpoint_seconds
from ufama.config import ConfigError


def usable_devices() -> list[str]:
    """The names of devices that trainings can run on here."""
    gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return ["cpu", *(["cuda"] if gpus else []), *gpus]


def check_device(device: str) -> None:
    """Raise ConfigError for a device that cannot be used here, with those that can."""
    if not isinstance(device, str):
        raise ConfigError(f"device = {device!r}: expected a name, such as 'cpu'.")
    usable = usable_devices()
    if device not in usable:
        raise ConfigError(
            f"device = {device!r} cannot be used here; choose one of {', '.join(map(repr, usable))}."
            + (" PyTorch finds no CUDA GPU on this machine." if device.startswith("cuda") and usable == ["cpu"] else "")
        )


def check_machine(device: str, workers: int | None, stack_size: int | None, scheduler: str | None) -> None:
    """Raise ConfigError for what a campaign cannot use. A Dask scheduler's workers may have other devices."""
    for name, value in (("workers", workers), ("stack_size", stack_size)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ConfigError(f"{name} = {value!r}: expected a whole number from 1, or None to have it chosen.")
    checkpoint_seconds()
    if scheduler in (None, "local"):
        check_device(device)
    elif device.partition(":")[0] not in ("cpu", "cuda"):
        raise ConfigError(f"device = {device!r} is not known; choose 'cpu', 'cuda' or one GPU, such as 'cuda:0'.")
