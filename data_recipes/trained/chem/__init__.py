"""Chem-xLSTM on ChEMBL, beside a transformer and Mamba of the same size and budget."""
