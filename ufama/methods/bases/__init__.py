"""Classes to inherit from: `named` has names and presets, `network` a network of one's own, `plain` a ready network,
`tokens` the settings and parts of Transformer blocks, `fitted` a fit without steps."""
