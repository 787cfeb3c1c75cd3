"""Proof: equality for all sizes, the step, the induction over time, and hand derivations."""
