"""Gated linear attention in chunks on the GPU: what the kernels of mLSTM and SSD have in common."""
