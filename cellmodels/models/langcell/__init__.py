"""LangCell: cells and their descriptions in one space (Zhao et al., ICML 2024)."""
