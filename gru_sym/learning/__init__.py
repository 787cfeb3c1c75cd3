"""Cells that learn tasks with their generated gradients, and where these go meanwhile."""

from gru_sym.learning.loop import Learned, Snapshot, learn
from gru_sym.learning.tasks import TASKS, Batch, Task

__all__ = ["TASKS", "Batch", "Learned", "Snapshot", "Task", "learn"]
