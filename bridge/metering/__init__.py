"""The words and the rules of the field: meters, days, registers, and what is complete.

Pure: in come facts, out come decisions; nothing here reads a clock, a file or a socket.
"""
