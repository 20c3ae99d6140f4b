"""The states of a scheme's classes in SQL, as `labelers.Scheme.project` gives them."""

from collections.abc import Collection

from labelers import Scheme


def state_of_class(scheme: Scheme, label_class: str, findings: Collection[str]) -> str:
    """Return the SQL expression of a class's state over the columns of table labels.

    It is a nullable tinyint: 1 positive, 0 negative, -1 uncertain, null not mentioned.

    Parameters
    ----------
    scheme, label_class
        A class of the scheme.
    findings
        The finding columns that the table has; labels of an older vocabulary lack some, which
        then count as not mentioned.
    """
    if label_class == scheme.normal_class:
        stated = [f'"{finding}" in (1, -1)' for finding in scheme.abnormal if finding in findings]
        return f"(case when {_any(stated)} then 0 else 1 end)::tinyint"
    members = [finding for finding in scheme.findings(label_class) if finding in findings]
    positive, uncertain = (
        [_counted(scheme, finding, state, findings) for finding in members] for state in (1, -1)
    )
    listed = scheme.listed[label_class]
    denied = [f'"{finding}" = 0' for finding in members if finding in listed]
    return (
        f"(case when {_any(positive)} then 1 when {_any(uncertain)} then -1 "
        f"when {_any(denied)} then 0 end)::tinyint"
    )


def _any(conditions: list[str]) -> str:
    return " or ".join(conditions) or "false"


def _counted(scheme: Scheme, finding: str, state: int, findings: Collection[str]) -> str:
    """Return the condition that a finding counts towards its class with this state."""
    if finding not in scheme.alone:
        return f'"{finding}" = {state}'
    below = [other for other in scheme.under[finding] if other in findings]
    unless = "".join(f' and "{other}" is distinct from {state}' for other in below)
    return f'("{finding}" = {state}{unless})'
