"""How it travels: CPA, envelope, signature, MIME. Knows no Berichtenbox, no network, no clock."""
