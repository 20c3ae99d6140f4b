"""The loop of training, the same for the head on cached features and for the whole network."""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import nn

from training.feature_views import step_seed
from training.fit_settings import FitSettings
from training.optimisation import optimiser_of, step
from training.prefetch import Prefetched
from training.processing_unit import ProcessingUnit
from training.run_state import Position, RunState
from training.sampler import balanced_batches
from training.training_log import TrainingLog
from training.weight_average import WeightAverage

Note = Callable[[int, str], None]


@dataclass(frozen=True)
class Phase:
    """A network to train and how its input is made."""

    name: str
    """`head` or `finetune`."""
    number: int
    """Tells its random numbers from another phase's."""
    epochs: int
    batch_size: int
    network: nn.Module
    """Input to embeddings of any length, `(b, dim)`."""
    rates: list[tuple[nn.Module, float]]
    """The trained parts of it with their peak learning rates."""
    inputs: Callable[[np.ndarray, int], torch.Tensor]
    """Positions of training exams and a seed to input; called in the background."""
    ema_decay: float
    """Decay per step of the running mean of the weights; with 0 the mean is the last weights."""


@dataclass(frozen=True)
class PhaseEpoch:
    """What a pass over the training exams gave."""

    epoch: int
    """Passes so far."""
    loss: float
    """Mean over its steps."""
    images_per_second: float
    loader_wait: float
    """Share of its time in which the network waited for input."""


@dataclass(frozen=True)
class Course:
    """What accompanies a training: where it computes, is saved, logged and told."""

    unit: ProcessingUnit
    saved: RunState | None = None
    log: TrainingLog = field(default_factory=lambda: TrainingLog(None))
    note: Note = lambda done, text: None
    """Called with the exams that the phase has passed so far and what is being done."""
    model: nn.Module | None = None
    """What is saved; the phase's network when None."""


def train_phase(
    phase: Phase,
    loss: nn.Module,
    targets: np.ndarray,
    normal: np.ndarray,
    settings: FitSettings,
    course: Course,
    standing: Position,
) -> Generator[tuple[PhaseEpoch, WeightAverage], Position, None]:
    """Train the phase's network in place; yield each epoch with the running mean of the weights.

    The receiver sends back where the run stands after it has measured the epoch.

    Parameters
    ----------
    phase
        What is trained.
    loss
        Takes (embeddings, targets, normal); its own parameters are trained with the last rate,
        the head's.
    targets, normal
        `(n, n_classes)` and `(n,)` of the training exams.
    standing
        Where the run stands: epochs and steps before it are not done again.
    """
    unit, saved = course.unit, course.saved
    model = course.model or phase.network
    optimiser = optimiser_of([*phase.rates, (loss, phase.rates[-1][1])], settings)
    mean = WeightAverage(phase.network, phase.ema_decay)
    if saved is not None:
        saved.restore(optimiser=optimiser, mean=mean.tensors, loss=loss)
    network = unit.setup(phase.network)
    n_steps = len(_batches(phase, targets, normal, settings, 0))
    labels, normals = torch.from_numpy(targets), torch.from_numpy(normal)
    for epoch in range(standing.epoch, phase.epochs):
        batches = _batches(phase, targets, normal, settings, epoch)
        done = standing.steps if epoch == standing.epoch else 0
        losses = list(standing.losses) if done else []
        numbered = list(enumerate(batches))[done:]
        mean.steps = epoch * n_steps + done
        started = time.perf_counter()
        with Prefetched(_maker(phase, settings, epoch, unit), numbered) as ready:
            for (number, batch), inputs in ready:
                torch.manual_seed(_seed(phase, settings, epoch, number, unit))
                share = (epoch + number / len(batches)) / phase.epochs
                with unit.autocast():
                    embeddings = network(inputs.to(unit.device))
                rows = torch.from_numpy(unit.whole(batch))
                value = loss(
                    unit.gather(embeddings.float()),
                    labels[rows].to(unit.device),
                    normals[rows].to(unit.device),
                )
                step(optimiser, value, share, settings, unit)
                mean.update()
                losses.append(float(value.detach()))
                at = epoch * len(batches) + number
                rate = optimiser.param_groups[0]["lr"]
                course.log.write(at, **{f"{phase.name}__loss": losses[-1]})
                course.log.write(at, **{f"{phase.name}__learning rate": rate})
                if saved is not None and saved.is_due():
                    place = replace(standing, epoch=epoch, steps=number + 1, losses=losses)
                    saved.save(
                        place, model=model, optimiser=optimiser, mean=mean.tensors, loss=loss
                    )
                seconds = time.perf_counter() - started
                speed = (number + 1 - done) * len(batch) / max(seconds, 1e-9)
                passes = epoch + (number + 1) / len(batches)
                course.note(
                    round(passes * len(targets)),
                    f"{phase.name}, epoch {epoch + 1} of {phase.epochs}, {speed:,.0f} images/s",
                )
        seconds = max(time.perf_counter() - started, 1e-9)
        seen = sum(len(batch) for _, batch in numbered)
        passed = PhaseEpoch(
            epoch + 1, float(np.mean(losses)), seen / seconds, ready.waited / seconds
        )
        course.log.write(
            epoch + 1,
            **{
                f"{phase.name}__images per second": passed.images_per_second,
                f"{phase.name}__loader wait": passed.loader_wait,
            },
        )
        standing = yield passed, mean


def each_epoch(
    epochs: Generator[tuple[PhaseEpoch, WeightAverage], Position, None], phase: str
) -> Iterator[PhaseEpoch]:
    """Run a phase to its end without measuring its epochs; leave the network its mean weights."""
    mean = None
    try:
        passed, mean = next(epochs)
        while True:
            yield passed
            passed, mean = epochs.send(Position(phase, passed.epoch))
    except StopIteration:
        if mean is not None:
            mean.take_over()


def _maker(
    phase: Phase, settings: FitSettings, epoch: int, unit: ProcessingUnit
) -> Callable[[tuple[int, np.ndarray]], torch.Tensor]:
    """Return what makes the input of a numbered batch, the same whenever it is called."""

    def make(numbered: tuple[int, np.ndarray]) -> torch.Tensor:
        number, batch = numbered
        return phase.inputs(unit.share(batch), _seed(phase, settings, epoch, number, unit))

    return make


def _seed(
    phase: Phase, settings: FitSettings, epoch: int, number: int, unit: ProcessingUnit
) -> int:
    """Return the seed of a step: of its images' variation and the features hidden.

    Several processes must not vary their images alike.
    """
    place = () if unit.is_first else (unit.place,)
    return step_seed(settings.seed, phase.number, epoch, number, *place)


def _batches(
    phase: Phase, targets: np.ndarray, normal: np.ndarray, settings: FitSettings, epoch: int
) -> list[np.ndarray]:
    """Batches of an epoch, as positions within the training exams."""
    return balanced_batches(
        targets,
        normal,
        phase.batch_size,
        settings.per_class,
        settings.normal_share,
        step_seed(settings.seed, phase.number) % 2**32,
        epoch,
    )
