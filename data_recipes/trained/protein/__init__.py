"""Prot-xLSTM with homologs in context, against Mamba: prepared, trained and judged."""
