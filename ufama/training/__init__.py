"""Runs: batches for a stack of runs, the training loop, selection rules, the record store, the campaign."""
