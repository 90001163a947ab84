"""How things are written: times, amounts, JSON, a log; and the texts of others, made harmless."""
