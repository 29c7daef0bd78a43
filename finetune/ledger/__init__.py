"""The ledger of runs: what was planned, what runs, what each run gave."""

from bayes_scaling.finetune.ledger.faults import LedgerFullError, LostRunError
from bayes_scaling.finetune.ledger.ledger import MOST_KILLS, STALE_SECONDS, Ledger
from bayes_scaling.finetune.ledger.owners import this_owner
from bayes_scaling.finetune.ledger.records import Glance, Record, Status
from bayes_scaling.finetune.ledger.surroundings import Surroundings, surroundings

__all__ = [
    "MOST_KILLS",
    "STALE_SECONDS",
    "Glance",
    "Ledger",
    "LedgerFullError",
    "LostRunError",
    "Record",
    "Status",
    "Surroundings",
    "surroundings",
    "this_owner",
]
