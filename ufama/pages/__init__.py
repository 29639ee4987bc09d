"""What a notebook opens with, and the commands that compute the whole book."""
