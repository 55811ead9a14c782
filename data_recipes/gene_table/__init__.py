"""The recipe of the bundled gene tables: ids, symbols, earlier names, orthologs."""
