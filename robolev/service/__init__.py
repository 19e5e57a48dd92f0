"""Order and time: commands in, events on disk, listeners told."""
