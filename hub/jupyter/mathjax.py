"""MathJax from the server itself (`jupyter-server-mathjax`), for pages that nbconvert makes."""

import os


def address(file: str) -> str:
    """Where the server gives out a file of MathJax."""
    return f"{os.environ.get('JUPYTERHUB_SERVICE_PREFIX', '/')}static/jupyter_server_mathjax/{file}"
