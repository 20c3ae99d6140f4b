"""Losses of a metric over multi-label exams, one a file.

Each is a module that takes embeddings `(b, d)`, targets `(b, n_classes)` and, where it knows of
them, normal exams `(b,)`, and returns a scalar.
"""
