"""The `kaga` command line, and everything started on one machine."""
