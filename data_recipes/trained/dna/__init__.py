"""DNA-xLSTM and Caduceus-style models: pre-trained on genomes, fine-tuned on promoters."""
