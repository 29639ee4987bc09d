"""What only the compared methods are built from."""
