"""The reason why an image cannot be used."""


class UnusableImage(Exception):
    """An image that is not used.

    Attributes
    ----------
    rule
        Short name of the rule it breaks, such as ``modality`` or ``truncated``.
    reason
        One line without identifiers.
    """

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(f"{rule}: {reason}")
        self.rule = rule
        self.reason = reason
