"""Logius in a box, judged apart from the library: it shares no code with what it judges."""
