"""The recipe that holds the curated marker table against measured profiles."""
