"""Example letters and their documents, as package data."""
