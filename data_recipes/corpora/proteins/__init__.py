"""Corpora of proteins."""
