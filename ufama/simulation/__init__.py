"""People who were never recorded: their features, voltages and files."""
