"""A trained model: fitted, kept as a folder, adapted to a new recording, and what it predicts there."""
