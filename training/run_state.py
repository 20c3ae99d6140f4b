"""The state of a training run on disk, so that a killed run goes on to the same result.

Everything random in training follows from the seed and the number of the step, so the state is
tensors (weights, running means, optimiser, loss) and where the run stands; beside it lie the best
model so far and, until the head is trained, the features. Each file is written beside its final
name and moved there.
"""

import json
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from training.checkpoint import write_whole

STATE_FILE = "state.safetensors"
BEST_FILE = "best.safetensors"
RUN_FILE = "run.json"
_ENTRY = "radsim-training-run-1"


@dataclass(frozen=True)
class Position:
    """Where a run stands."""

    phase: str
    """`head` or `finetune`."""
    epoch: int = 0
    """Epochs of the phase that are done."""
    steps: int = 0
    """Steps of the epoch under way that are done."""
    losses: list[float] = field(default_factory=list)
    """Their losses."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """Measured epochs so far, as dicts."""
    kept: int = 0
    """Which of them is the best."""
    seconds: float = 0.0
    """Spent when it was saved."""


class RunState:
    """The files of one run in a folder.

    Parameters
    ----------
    folder
        Made when it is not there.
    made_of
        What the run's result depends on (settings, digest of the labels), as JSON can hold it.
    save_every
        Least seconds between two saved steps; 0 saves every step.
    writes
        Whether this process writes; the others of a distributed run only read.

    Raises
    ------
    ValueError
        The folder holds another run, or its state cannot be read.
    """

    def __init__(
        self, folder: Path, made_of: dict[str, Any], save_every: float, writes: bool = True
    ) -> None:
        self._folder = folder
        self._save_every = save_every
        self._writes = writes
        self._began = self._saved_at = time.monotonic()
        self.position: Position | None = None
        self._tensors: dict[str, torch.Tensor] = {}
        told, run_file = json.dumps(made_of, sort_keys=True), folder / RUN_FILE
        if run_file.is_file():
            if run_file.read_text(encoding="utf-8") != told:
                raise ValueError(
                    f"{folder} holds a training with other settings, labels or images; remove it "
                    "or name another folder"
                )
            if (folder / STATE_FILE).is_file():
                self._read()
        elif writes:
            folder.mkdir(parents=True, exist_ok=True)
            partial = run_file.with_name(run_file.name + ".partial")
            partial.write_text(told, encoding="utf-8")
            partial.replace(run_file)

    def _read(self) -> None:
        try:
            with safe_open(self._folder / STATE_FILE, framework="pt") as opened:
                told = json.loads((opened.metadata() or {})[_ENTRY])
                names = opened.keys()
                self._tensors = {name: opened.get_tensor(name) for name in names}
        except (SafetensorError, KeyError) as error:
            raise ValueError(
                f"{self._folder / STATE_FILE} cannot be read; remove the folder to begin anew"
            ) from error
        self.position = Position(**told)

    @property
    def seconds(self) -> float:
        """Seconds the run has taken so far, those before a kill included."""
        before = self.position.seconds if self.position else 0.0
        return before + time.monotonic() - self._began

    def features_file(self, name: str) -> Path | None:
        """Return the file to keep features in; none for a process that does not write."""
        return self._folder / f"features-{name}.npy" if self._writes else None

    def drop_features(self) -> None:
        """Remove the kept features: the head is trained."""
        if self._writes:
            for path in self._folder.glob("features-*"):
                path.unlink()

    def is_due(self) -> bool:
        """Whether it is time to save a step."""
        return self._writes and time.monotonic() - self._saved_at >= self._save_every

    def save(self, position: Position, **parts: Any) -> None:
        """Write where the run stands and the tensors of its parts, see `tensors_of`."""
        if not self._writes:
            return
        tensors = {
            f"{part}/{name}": tensor
            for part, held in parts.items()
            for name, tensor in tensors_of(held).items()
        }
        told = asdict(replace(position, seconds=self.seconds))
        _write(self._folder / STATE_FILE, tensors, {_ENTRY: json.dumps(told)})
        self._saved_at = time.monotonic()

    def restore(self, **parts: Any) -> None:
        """Give parts the tensors they were saved with, once; a part not saved stays as it is."""
        for part, held in parts.items():
            named = [name for name in self._tensors if name.startswith(f"{part}/")]
            mine = {name.partition("/")[2]: self._tensors.pop(name) for name in named}
            if mine:
                give_tensors(held, mine)

    def save_best(self, model: torch.nn.Module) -> None:
        """Write the best state so far."""
        if self._writes:
            _write(self._folder / BEST_FILE, tensors_of(model), {})

    def best(self) -> dict[str, torch.Tensor]:
        """Return the best state so far."""
        with safe_open(self._folder / BEST_FILE, framework="pt") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118


def tensors_of(held: Any) -> dict[str, torch.Tensor]:
    """Return the tensors of a module, an optimiser or a list of tensors, by name."""
    if isinstance(held, list):
        return {str(place): tensor for place, tensor in enumerate(held)}
    if isinstance(held, torch.optim.Optimizer):
        state = held.state_dict()["state"]
        return {
            f"{place}/{name}": tensor
            for place, values in state.items()
            for name, tensor in values.items()
        }
    found: dict[str, torch.Tensor] = held.state_dict()
    return found


def give_tensors(held: Any, tensors: dict[str, torch.Tensor]) -> None:
    """Give back what `tensors_of` returned."""
    if isinstance(held, list):
        for place, tensor in enumerate(held):
            tensor.copy_(tensors[str(place)])
    elif isinstance(held, torch.optim.Optimizer):
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in tensors.items():
            number, _, key = name.partition("/")
            state.setdefault(int(number), {})[key] = tensor
        held.load_state_dict({**held.state_dict(), "state": state})
    else:
        held.load_state_dict(tensors)


def _write(path: Path, tensors: dict[str, torch.Tensor], told: dict[str, str]) -> None:
    copied = {
        name: tensor.detach().cpu().contiguous(memory_format=torch.contiguous_format).clone()
        for name, tensor in tensors.items()
    }
    write_whole(copied, path, told)
