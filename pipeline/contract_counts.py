"""What contracts did to a run's rows: counts a table and rule for the ledger, never rows."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa


@dataclass
class ContractCounts:
    """Rows that a run held to contracts, and rows that it refused, by table.

    Refused rows are counted by the first rule that each broke: of a contract, of a reader before
    it, or of two that contradict each other.
    """

    _checked: Counter[str] = field(default_factory=Counter)
    _kept: Counter[str] = field(default_factory=Counter)
    _rules: dict[str, int] = field(default_factory=dict)
    _refused: dict[str, Counter[str]] = field(default_factory=dict)

    def held(self, table: str, *, checked: int, kept: int, rules: int) -> None:
        """Count rows that were held to the rules of a table's contract, and those that kept it."""
        self._checked[table] += checked
        self._kept[table] += kept
        self._rules[table] = rules

    def refused(self, rejected: pa.Table) -> None:
        """Count rejected rows (columns table and rule)."""
        pairs = zip(rejected["table"].to_pylist(), rejected["rule"].to_pylist(), strict=True)
        for (table, rule), rows in Counter(pairs).items():
            self._refused.setdefault(table, Counter())[rule] += rows

    def told(self) -> dict[str, dict[str, Any]]:
        """Return a table's ``checked``, ``kept``, ``rules`` and ``refused`` (rule -> rows)."""
        return {
            table: {
                "checked": self._checked[table],
                "kept": self._kept[table],
                "rules": self._rules.get(table, 0),
                "refused": dict(sorted(self._refused.get(table, {}).items())),
            }
            for table in sorted({*self._checked, *self._refused})
        }
