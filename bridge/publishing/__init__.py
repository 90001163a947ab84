"""What should stand on the broker, and what of it changed.

In come the ledger and how far the meters have come. `payloads`, `chart` and `discovery` make of it
topics and what stands on them; the `publisher` publishes what differs, and takes away what no longer
belongs to anything.
"""
