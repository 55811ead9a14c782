"""Corpora of cells."""
