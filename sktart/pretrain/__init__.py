"""Pretraining: recipe, batches, optimiser, loop on skorch, distance to Bayes."""
