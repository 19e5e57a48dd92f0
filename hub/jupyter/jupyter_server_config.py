"""Every server: Lab as the first page; what a browser may upload is bounded."""

from pathlib import Path

c = get_config()  # type: ignore[name-defined]  # noqa: F821 - given by traitlets
c.ServerApp.root_dir = "."
c.ServerApp.max_body_size = c.ServerApp.max_buffer_size = 64 * 1024 * 1024
c.ServerApp.terminado_settings = {"shell_command": ["/bin/bash"]}
# A kernel nobody uses for an hour gives its memory back; the notebook is saved.
c.MappingKernelManager.cull_idle_timeout = 3600
c.LabApp.news_url = ""
c.LabApp.extra_labextensions_path = [str(Path(__file__).with_name("labextensions"))]
