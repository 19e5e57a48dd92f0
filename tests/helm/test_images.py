"""What each image would hold: enough to run, and for students no more than their box shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from chart import ROOT, SOURCE
from recipe import RECIPE, copied_by, laid_out, stage

from hub.box.command import PROJECT


def python(folder: Path, code: str) -> str:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{folder}:{folder / 'curriculum'}"}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_students_image_holds_what_a_students_box_shows():
    sources = {source for sources, _ in copied_by("student") for source in sources}
    assert sources == {source for source in PROJECT if (ROOT / source).exists()}


def test_a_students_image_is_enough_for_lessons_and_handing_in(tmp_path):
    folder = laid_out("student", tmp_path)
    plugins = "hub.exchange.assignments, hub.exchange.submissions, hub.exchange.feedback"
    told = python(folder, f"import robokit, hub, {plugins}; print(robokit.__file__, hub.__file__)")
    assert all(str(folder) in path for path in told.split())
    for setting in re.findall(r"/srv/kaga/([^\s:]+)", "".join(re.findall(r"^ENV JUPYTER.*$", stage("student"), re.M))):
        assert (folder / setting).exists(), setting


@pytest.mark.parametrize("module", ["hub.sign_in", "hub.pages", "hub.sync", "hub.roles"])
def test_the_hub_image_needs_only_what_the_official_one_has(tmp_path, module):
    folder = laid_out("hub", tmp_path)
    extra = "{'fastapi', 'uvicorn', 'nbgrader', 'nbformat', 'click', 'serial', 'robolev', 'pandas'}"
    assert python(folder, f"import sys, {module}; print(sorted({extra} & sys.modules.keys()))").strip() == "[]"


def test_the_recipe_is_for_the_charts_hub():
    version = re.search(r"version: (\S+)\n    repository", (SOURCE / "Chart.yaml").read_text("utf-8"))
    assert version and f"FROM quay.io/jupyterhub/k8s-hub:{version[1]} AS hub" in RECIPE
