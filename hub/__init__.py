"""The classroom side of the platform: lessons in JupyterHub, grading and hand-in."""
