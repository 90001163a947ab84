"""The bridge that runs for years: its loop, its timetable, and what it says of itself; contracts compared."""
