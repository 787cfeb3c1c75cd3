"""How parameters begin, for any cell; and what that predicts of its memory."""
