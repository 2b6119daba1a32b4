"""Keeps letters and messages: one contract, and the stores that hold to it."""
