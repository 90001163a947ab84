"""Tables, bars and charts for people who look at a terminal."""
