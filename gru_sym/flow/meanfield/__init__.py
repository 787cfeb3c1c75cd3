"""Mean-field theory of any cell: what infinitely many units do to the mean square of a gradient."""
