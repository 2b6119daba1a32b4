"""A night of half a million letters: what is wrong before it begins."""
