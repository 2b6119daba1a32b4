"""A night of half a million letters: what is wrong before it begins, how it goes, how it ended."""
