"""``python -m bayes_scaling``: the command line."""

from bayes_scaling.cli import main

main()
