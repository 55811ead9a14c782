"""Bio-xLSTM: DNA-, Prot- and Chem-xLSTM and xLSTM Large in one implementation."""
