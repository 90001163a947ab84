"""The data folder: who works in it, and the small files in it beside the ledger.

`claim` keeps two bridges apart and files private, `private` holds secrets and `refusals` what was
refused, `heartbeat` says that the bridge works, `files` writes what is whole or not there.
"""
