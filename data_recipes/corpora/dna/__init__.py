"""Corpora of DNA."""
