"""The `bioseq` command, installed as `bioseq_cli`."""
