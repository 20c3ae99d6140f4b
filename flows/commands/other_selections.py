"""Options of a selection that a stage does not take: refused in a line, not shown in its help."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

# The parameter of each option, and the field of `pipeline.selection.Selection` that it fills.
_FIELDS = {"since": "since", "until": "until", "exam": "exams", "version": "version"}


def refusing_others(stage: Callable[..., None]) -> Callable[..., None]:
    """Return the command of a stage with every option of a selection, those it lacks refused."""
    signature = inspect.signature(stage)
    lacking = [name for name in _FIELDS if name not in signature.parameters]

    @functools.wraps(stage)
    def refusing(*args: Any, **kwargs: Any) -> None:
        given = {_FIELDS[name]: kwargs.pop(name) for name in lacking if kwargs.get(name)}
        if given:
            from pipeline.selection import Selection

            Selection.model_construct(**given).refuse_other_than(stage.__name__)
        stage(*args, **{name: value for name, value in kwargs.items() if name not in lacking})

    hidden = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[list[str] | None, typer.Option(f"--{name}", hidden=True)],
        )
        for name in lacking
    ]
    parameters = [*signature.parameters.values(), *hidden]
    refusing.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return refusing
