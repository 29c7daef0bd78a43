"""What a ledger holds, for people and for fits: how a study stands, and its runs table."""
