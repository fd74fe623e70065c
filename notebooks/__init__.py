"""Notebooks that explain the data, and what executes and renders them."""
