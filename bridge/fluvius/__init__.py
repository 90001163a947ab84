"""Where readings come from: errors and protocol here cost nothing; `open` knows the sources."""
