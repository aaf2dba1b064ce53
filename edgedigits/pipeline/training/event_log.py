"""The history of a training as event files, which TensorBoard shows; TensorFlow writes them, without TensorBoard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edgedigits.backend import tf
from edgedigits.errors import ArtifactError
from edgedigits.ground.atomic import check_writable
from edgedigits.pipeline.train import Log, Row

SUFFIX: Final = ".edgedigits"
"""What the name of an event file ends in: those of an interrupted run are known by it, and written anew."""
TAGS: Final = {
    "loss": "loss/training",
    "validation_loss": "loss/validation",
    "validation_accuracy": "accuracy/validation",
    "seconds": "seconds/epoch",
}
"""Under what name each column of the history is shown; a step is an epoch."""


@contextmanager
def log_events(folder: Path | None) -> Iterator[Log]:
    """What writes a history into `folder`, each epoch once it is over; nothing where there is no folder.

    A resumed run writes its earlier epochs anew, so that none is there twice. Raises ArtifactError when it can't be written.
    """
    if folder is None:
        yield lambda _: None
        return
    check_writable(folder)
    for old in folder.glob(f"events.out.tfevents.*{SUFFIX}"):
        old.unlink(missing_ok=True)
    written = 0
    with _writing(folder):
        writer = tf.summary.create_file_writer(str(folder), filename_suffix=SUFFIX)

    def log(history: list[Row]) -> None:
        nonlocal written
        with _writing(folder), writer.as_default():
            for row in history[written:]:
                _write(row)
            writer.flush()
        written = len(history)

    try:
        yield log
    finally:
        with _writing(folder):
            writer.close()


def _write(row: Row) -> None:
    """By `write`, for `scalar` would import TensorBoard."""
    scalars = tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
    metadata = tf.compat.v1.SummaryMetadata(plugin_data=scalars)
    for column, tag in TAGS.items():
        tf.summary.write(tag, tf.constant(getattr(row, column), tf.float32), step=row.epoch, metadata=metadata)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except tf.errors.OpError as error:
        raise ArtifactError(
            f"--tensorboard {folder}: can't be written ({error.message}); choose another folder"
        ) from error
