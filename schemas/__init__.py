"""The project's own XSDs, as package data."""
