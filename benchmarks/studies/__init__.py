"""Single questions: about the prior, the training, the options, the ceiling."""
