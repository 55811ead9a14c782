"""Models that read cells and text together."""
