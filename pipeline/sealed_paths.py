"""Paths of image files as the lake keeps them: sealed with the site's key where there is one.

Archives name files and folders by accession and patient numbers, so a path is an identifier; but
unlike a pseudonym it must be told again, since decoding opens the file. AES-SIV (RFC 5297) gives
the same path the same seal, so that a file is known again without opening every seal.
"""

import base64
from collections.abc import Iterable

from pipeline.pseudonyms import Pseudonymiser
from pipeline.user_error import UserError

_MARK = "sealed:"


class PathSeal:
    """Seals and opens paths with a key of its own, derived from the site's; bare without a key."""

    def __init__(self, pseudonymiser: Pseudonymiser) -> None:
        self._key = pseudonymiser.derived_key("image paths")

    def sealed(self, paths: Iterable[str]) -> list[str]:
        """Return the paths as the lake keeps them."""
        if self._key is None:
            return list(paths)
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        cipher = AESSIV(self._key)
        return [
            _MARK + base64.urlsafe_b64encode(cipher.encrypt(path.encode(), None)).decode()
            for path in paths
        ]

    def opened(self, paths: Iterable[str]) -> list[str]:
        """Return the paths of files from what the lake keeps; bare ones as they are.

        Raises
        ------
        UserError
            A path is sealed, and there is no key or another one.
        """
        kept = list(paths)
        if not any(path.startswith(_MARK) for path in kept):
            return kept
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        if self._key is None:
            raise UserError(
                "the paths of images in this lake are sealed with the site's key; name it with "
                "[privacy] key_file or RADSIM_PSEUDONYM_KEY"
            )
        cipher = AESSIV(self._key)
        try:
            return [
                cipher.decrypt(base64.urlsafe_b64decode(path.removeprefix(_MARK)), None).decode()
                if path.startswith(_MARK)
                else path
                for path in kept
            ]
        except (InvalidTag, ValueError):
            raise UserError(
                "the paths of images in this lake are sealed with another key than the one set; "
                "set the key it was made with"
            ) from None
