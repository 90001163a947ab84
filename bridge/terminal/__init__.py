"""What people see in a terminal. Needs rich, an extra."""
