"""What a new method can stand on: a plain network, a network of its own, or a fit without steps."""
