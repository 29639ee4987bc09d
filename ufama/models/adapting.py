"""A model meets a recording: by its own method where the source is at hand, else without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ufama.data.windows import content_fingerprint
from ufama.models.fit_adapt import adapt_model
from ufama.models.modalities import check_modalities, without_faults
from ufama.models.model import Model
from ufama.models.recordings import Recording, prepared
from ufama.models.sources import own_source

if TYPE_CHECKING:
    from ufama.data.windows import Windows


def adapted_model(
    model: Model, recording: Recording, *, source: Windows | None = None, device: str = "cpu"
) -> tuple[Model, str]:
    """The model adapted to a recording, and a sentence that says by what.

    Parameters
    ----------
    recording
        as read; what is bad of it is left out
    source
        the model's labelled recordings; None: they are looked for where the model's source has its name, and where
        they are not found, the model is adapted without them

    Raises
    ------
    ModelError
        for a model that is adapted already and whose source is not at hand, and as `adapt_model`
    DataError
        for a recording that does not match the model
    """
    ready = prepared(recording, model)
    check = check_modalities(ready, model.statistics, model.card.constant_eye_features)
    usable = without_faults(ready, check)
    named = source is not None
    if usable.absent and not named:
        reason = f"{model.method} itself adapts to both modalities, of which {' and '.join(usable.absent)} is left out"
    elif source is None and (source := own_source(model)) is None:
        title = model.card.title
        reason = f"the source, {title}, was not found with the same content; name it to adapt by {model.method} itself"
    changed = adapt_model(model, usable.windows, source=source, absent=usable.absent, device=device)
    facts: dict[str, Any] = dict(changed.adapted_to or {})
    changed = changed.replace(adapted_to=facts | {"fingerprint": content_fingerprint(ready.windows._asdict())})
    if source is not None:
        return changed, f"Adapted by {facts['by']} itself, with its source, {source.card.title}, at hand."
    return changed, f"Adapted by {facts['by']} without the source: {reason}."
