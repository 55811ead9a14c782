"""`python -m bioseq_recipes.trained.chem`: molecules by three models of one size and budget."""

from __future__ import annotations

from .command import main

if __name__ == "__main__":
    main()
