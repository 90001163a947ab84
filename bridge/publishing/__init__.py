"""What should stand on the broker, and what of it changed.

In come the ledger and how far the meters have come. `meter` makes of it topics and what stands on them, with
`payloads`, `monthly`, `chart` and `discovery`; the `publisher` decides what is published when; `retained`
knows what the broker has, publishes what differs, and takes away what no longer belongs to anything.
"""
