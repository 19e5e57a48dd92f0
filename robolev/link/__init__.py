"""The robot link: bytes in, messages out. Knows nothing of scoring."""
