"""Evaluating one model: losses with their standard errors, generated texts and their scores."""
