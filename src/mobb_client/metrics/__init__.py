"""Figures and alarms of an outbox: read from what it keeps, so that every process tells the same."""
