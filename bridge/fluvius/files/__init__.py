"""The files that people download from Mijn Fluvius: they need neither an account nor a network."""
