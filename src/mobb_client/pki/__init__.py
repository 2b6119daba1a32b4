"""Keys and certificates: OIN in the subject, chains, expiry."""
