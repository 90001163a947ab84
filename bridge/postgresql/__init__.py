"""The ledger in a database: every reading once, corrections as higher revisions, nothing ever deleted."""
