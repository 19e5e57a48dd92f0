"""The hub's proxy: configurable-http-proxy at a pinned version, on a Node that comes as a Python wheel."""
