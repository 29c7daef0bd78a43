"""Training one run: batches, the Trainer, its arguments."""
