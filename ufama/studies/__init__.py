"""Measurements that one page needs and that take minutes."""
