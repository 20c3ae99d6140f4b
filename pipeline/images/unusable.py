"""The reason why an image cannot be used."""


class UnusableImage(Exception):
    """An image that is not used; its text is ``rule: reason``.

    Attributes
    ----------
    rule
        Short name of the rule it breaks, such as ``modality`` or ``truncated``.
    reason
        One line without identifiers.
    """

    def __init__(self, rule: str, reason: str) -> None:
        # Both arguments are kept in `args`: an exception that crosses processes is made anew
        # from them.
        super().__init__(rule, reason)
        self.rule = rule
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.rule}: {self.reason}"
