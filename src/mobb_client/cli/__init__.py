"""The `mobb` command: parses words, calls the library, prints."""
