"""Losses: one a file; `by_name` lists them."""
