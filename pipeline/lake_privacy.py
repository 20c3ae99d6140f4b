"""What a lake was begun with and stays with: its key, whether it keeps text, whether dates shift.

Text that was not kept cannot be had again, and identifiers or dates of two kinds in one lake would
make two exams of one; so the first ingest settles all three, by its row in the ledger.
"""

import json
from dataclasses import asdict, dataclass

from pipeline.lake_run import Run
from pipeline.pseudonyms import Pseudonymiser
from pipeline.settings import Settings
from pipeline.user_error import UserError

NO_TEXT = 'this lake keeps no text ([privacy] keep_text = "none")'


@dataclass(frozen=True)
class PrivacyOfLake:
    """The three things that stay.

    Attributes
    ----------
    keep_text
        ``full`` or ``none``.
    shift_dates
        Whether dates are shifted per patient.
    key
        By what the site's key is known again, without telling it; empty without a key.
    """

    keep_text: str
    shift_dates: bool
    key: str

    @classmethod
    def of(cls, settings: Settings) -> "PrivacyOfLake":
        """Return what the settings say."""
        derived = Pseudonymiser.of(settings).derived_key("fingerprint")
        key = derived.hex()[:16] if derived else ""
        return cls(settings.privacy.keep_text, settings.privacy.shift_dates, key)

    def parameters(self) -> dict[str, str | bool]:
        """Return it as an ingest run notes it in the ledger."""
        return asdict(self)

    def refuse_if_other(self, run: Run) -> None:
        """Refuse to go on with reports that came by other settings.

        Raises
        ------
        UserError
            They did.
        """
        told = [
            json.loads(row["parameters"])
            for row in run.lake.runs().select(["stage", "parameters"]).to_pylist()
            if row["stage"] == "ingest"
        ]
        begun = next((parameters for parameters in told if "keep_text" in parameters), None)
        if begun is None:
            # A lake of before these settings kept text and dates; its key is not known.
            begun = {"keep_text": "full", "shift_dates": False, "key": self.key}
            if not told:
                return
        for name, value in (("keep_text", self.keep_text), ("shift_dates", self.shift_dates)):
            if begun[name] != value:
                raise UserError(
                    f"{run.lake.root}: this lake was begun with [privacy] {name} = "
                    f"{json.dumps(begun[name])} and stays so; set that, or choose another [lake] "
                    "root and ingest anew"
                )
        if begun["key"] != self.key:
            was = "another pseudonym key" if begun["key"] else "no pseudonym key"
            raise UserError(
                f"{run.lake.root}: this lake was begun with {was}, and exams would not be known "
                "again; set what it was begun with, or choose another [lake] root and ingest anew"
            )
