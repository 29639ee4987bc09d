"""The network alone: trained on the labelled source; of the target, only the scaling of its features is used."""

from ufama.methods.bases.plain import PlainConfig, PlainMethod


class SourceOnly(PlainMethod[PlainConfig]):
    """Cross-entropy on the source: the baseline of every adaptive method."""

    name = "source_only"
    title = "Source only"
    source = "the plain network of every peer, without its adaptation"
    checked_against = "torch's cross-entropy"


METHOD = SourceOnly()
