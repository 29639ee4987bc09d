"""Arithmetic on published tables: what their printed digits say."""
