"""Voltages and gaze: reading the releases' raw files, and people who were never recorded, from the voltage on."""
