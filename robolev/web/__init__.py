"""HTTP: commands in, one event stream out, pages."""
