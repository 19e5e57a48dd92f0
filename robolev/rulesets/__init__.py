"""Rule files and their loader."""
