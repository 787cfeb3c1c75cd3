"""A trained network's file -> cells of this package and their parameters.

``load`` reads the ``state_dict`` of a PyTorch ``GRU``, ``LSTM`` or ``RNN`` from ``.safetensors`` or
``.pt``; ``from_state_dict`` takes one that is in memory already. Both say in words which convention
they found (``Checkpoint.convention``). What ``gru_sym.train`` wrote is read as a
:class:`TrainingRun`.
"""

from gru_sym.weights.checkpoint import Checkpoint, Layer
from gru_sym.weights.run import TrainingRun
from gru_sym.weights.state_dict import from_state_dict, load

__all__ = ["Checkpoint", "Layer", "TrainingRun", "from_state_dict", "load"]
