"""Sequence mixers: parameters, forward over time, and a step of one position."""
