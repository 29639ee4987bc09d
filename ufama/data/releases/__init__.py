"""The released layouts of SEED and SEED-IV: what lies where, and how it is read."""
