"""Letters for the MijnOverheid Berichtenbox, over Digikoppeling ebMS2."""

__version__ = "0.1.0"
