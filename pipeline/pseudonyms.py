"""Pseudonyms of patients, exams and images: HMAC-SHA-256 with the site's key, in hex."""

import hashlib
import hmac
import os
import re
from collections.abc import Iterable

import pyarrow as pa

from pipeline.reverse_map import ReverseMap
from pipeline.settings import Settings
from pipeline.user_error import UserError

KEY_VARIABLE = "RADSIM_PSEUDONYM_KEY"

# What a pseudonym looks like, as a regular expression.
PSEUDONYM = "^[0-9a-f]{64}$"


def is_pseudonym(identifier: str) -> bool:
    """Say whether an identifier has the form of a pseudonym."""
    return bool(re.fullmatch(PSEUDONYM, identifier))


class Pseudonymiser:
    """Turns identifiers into keyed hashes, or leaves them as they are when there is no key.

    `reverse_map`, if given, notes what the pseudonyms of exams and patients stand for.
    """

    def __init__(self, key: bytes | None, reverse_map: ReverseMap | None = None) -> None:
        self._key = key
        self._map = reverse_map

    @classmethod
    def of(cls, settings: Settings) -> "Pseudonymiser":
        """Return the pseudonymiser of a site, its key from a file or the environment.

        Raises
        ------
        UserError
            The key file cannot be read, the key is shorter than 16 bytes, or the settings ask for
            a reverse map that may not be written, or without a key.
        """
        key: bytes | None = os.environ.get(KEY_VARIABLE, "").encode() or None
        if settings.privacy.key_file is not None:
            try:
                key = settings.privacy.key_file.read_bytes().strip()
            except OSError as error:
                raise UserError(
                    f"{settings.privacy.key_file}: the pseudonym key cannot be read "
                    f"({error.strerror})"
                ) from None
        if key is not None and len(key) < 16:
            raise UserError("the pseudonym key is shorter than 16 bytes; make a longer one")
        file = settings.privacy.reverse_map
        if file is None:
            return cls(key)
        if key is None:
            raise UserError("[privacy] reverse_map needs a key; without one nothing is turned")
        return cls(key, ReverseMap(file, settings.lake.root))

    @property
    def active(self) -> bool:
        """Whether a key is set."""
        return self._key is not None

    def derived_key(self, purpose: str) -> bytes | None:
        """Return 64 bytes for another use of the site's key, None without a key.

        Each purpose has its own (HMAC-SHA-512 of the purpose), so none tells of another.
        """
        if self._key is None:
            return None
        return hmac.new(self._key, f"radsim {purpose}".encode(), hashlib.sha512).digest()

    def one(self, identifier: str) -> str:
        """Return the pseudonym of one identifier."""
        if self._key is None:
            return identifier
        return hmac.new(self._key, identifier.encode(), hashlib.sha256).hexdigest()

    def as_held(self, identifier: str) -> str:
        """Return an identifier as the lake holds it, given so or as the source writes it."""
        return identifier if is_pseudonym(identifier) else self.one(identifier)

    def column(
        self, identifiers: pa.ChunkedArray | pa.Array, kind: str | None = None
    ) -> pa.ChunkedArray | pa.Array:
        """Return the pseudonyms of a string column; nulls stay null.

        `kind` (exam, patient) is that of what is to stand in the reverse map, if there is one.
        """
        if self._key is None:
            return identifiers
        originals = identifiers.to_pylist()
        pseudonyms = [None if value is None else self.one(value) for value in originals]
        if kind is not None and self._map is not None:
            self._map.note(kind, originals, pseudonyms)
        return pa.array(pseudonyms, pa.string())

    def save_map(self) -> None:
        """Write what the reverse map noted; call it before the pseudonyms are committed.

        Raises
        ------
        UserError
            The file cannot be written.
        """
        if self._map is not None:
            self._map.save()

    def forget(self, pseudonyms: Iterable[str]) -> None:
        """Take pseudonyms out of the reverse map, if there is one.

        Raises
        ------
        UserError
            The file cannot be written.
        """
        if self._map is not None:
            self._map.forget(pseudonyms)
