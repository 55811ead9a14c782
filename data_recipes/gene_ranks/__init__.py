"""A gene-rank vocabulary and its medians, made from any corpus of cells."""
