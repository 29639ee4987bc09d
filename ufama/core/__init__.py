"""UF-AMA's mathematics: network, losses, screening, objective. Imports torch, `ufama.config` and `ufama.seeds` only.

`ufama.core.reference` defines the network as the paper writes it, for one run. Everything else has a leading axis R in
every parameter, activation and loss: R runs advance in one step and never mix.
"""
