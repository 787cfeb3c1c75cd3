"""The passes: small pure functions from a Program or a Scan to one that computes the same.

``name`` and ``stabilise`` prepare the cell; ``compose``, ``defer``, ``hoist``, ``stack`` and
``inline`` move and join the definitions of a Scan; ``reuse`` decides which array holds what.
:func:`~gru_sym.codegen.plan.plan` applies them in order. None knows a cell's name.
"""
