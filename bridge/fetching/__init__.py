"""What is missing, Fluvius's answers, the ledger.

In come the settings, the ledger and the present instant. Out come the days that became complete, how
each source does and how far each meter's readings have come. `cycle` is one pass over all meters,
`backfill` makes one request at a time; both ask through `visits`.
"""
