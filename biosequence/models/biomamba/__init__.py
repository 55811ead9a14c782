"""Mamba and Mamba-2 language models, Caduceus and ProtMamba in one implementation."""
