"""Results to numbers: accuracies, intervals, comparisons of runs."""
