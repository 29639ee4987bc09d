"""Many runs: which there are, who trains them where, and where their records are kept."""
