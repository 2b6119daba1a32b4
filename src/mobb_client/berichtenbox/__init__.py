"""What is said: letters, batches, results. Knows no ebMS, no network, no clock."""
