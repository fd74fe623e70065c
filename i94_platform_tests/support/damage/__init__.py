"""Damaged deliveries, drawn by number: the same number is always the same damage."""
