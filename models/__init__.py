"""The statistics: laws, priors, noise and base-model effects as NumPyro programs, and how they are sampled.

Knows no pandas, no files and no plots; :mod:`bayes_scaling` turns tables into its arrays and its draws into answers.
"""
