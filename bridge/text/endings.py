"""How a command ends: its exit status, and the errors that are told instead of shown with their stack."""

DONE, COULD_NOT, WRONG, REFUSED = 0, 1, 2, 3  # exit status


class ForTheUser(Exception):
    """A command cannot go on; the message says why and what to do, and `status` is the exit status."""

    status = COULD_NOT
