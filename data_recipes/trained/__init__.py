"""Models trained for real, each result by one command."""
