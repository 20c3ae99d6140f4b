"""The error that a user is meant to read."""


class UserError(Exception):
    """Something the user can mend: one line with what was wrong, where, and what to do.

    The message never holds report text or a patient's identifier.
    """
