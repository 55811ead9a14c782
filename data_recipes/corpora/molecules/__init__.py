"""Corpora of molecules."""
