"""Classes to inherit from: `named` has names and presets, `network` a network of one's own, `plain` a ready network,
`fitted` a fit without steps."""
