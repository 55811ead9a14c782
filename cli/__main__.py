"""`python -m bioseq_cli`, the same as `bioseq`."""

from .main import main

if __name__ == "__main__":
    main()
