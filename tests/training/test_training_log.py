import dataclasses

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.fit import fit
from training.fit_settings import FitSettings
from training.training_log import TrainingLog


def test_the_course_of_a_training_can_be_read_with_tensorboard(
    tiny_backbone, marked_images, tmp_path
):
    settings = FitSettings(
        backbone="tiny",
        image_size=48,
        dim=8,
        head_epochs=2,
        head_least_steps=0,
        finetune_epochs=2,
        frozen_stages=0,
    )
    rows = np.arange(60), np.arange(60, 120)
    found = fit(*marked_images, *rows, settings, log_folder=tmp_path)
    read = EventAccumulator(str(tmp_path)).Reload()
    assert {"head/loss", "finetune/loss", "finetune/learning rate"} <= set(read.Tags()["scalars"])
    measured = [event.value for event in read.Scalars("validation/nDCG at 10")]
    assert np.allclose(measured, [epoch.validation_ndcg for epoch in found.history])
    waits = [event.value for event in read.Scalars("finetune/loader wait")]
    assert all(0 <= wait <= 1 for wait in waits)


def test_without_a_folder_nothing_is_written_and_nothing_changes(tiny_backbone, marked_images):
    with TrainingLog(None) as log:
        log.write(0, loss=1.0)
    settings = FitSettings(backbone="tiny", image_size=48, dim=8, head_epochs=1, head_least_steps=0)
    found = fit(*marked_images, np.arange(60), [], dataclasses.replace(settings))
    assert len(found.history) == 1
