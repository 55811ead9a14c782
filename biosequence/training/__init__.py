"""Training: token shards, objectives and the trainer itself; everything is loaded on first use."""
