"""Both services really start as their pods would: the chart's command and variables, not root, a read-only root,
no Kubernetes, a hub that does not answer yet. bubblewrap stands in for the container engine."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from chart import copied
from recipe import laid_out
from references import of_kind

PYTHON = Path(sys.executable)


@pytest.fixture(scope="module")
def deployments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    things = copied(tmp_path_factory.mktemp("pods")).render("minimal.yaml")
    pods = [deployment["spec"]["template"]["spec"] for deployment in of_kind(things, "Deployment")]
    return {pod["containers"][0]["name"]: pod for pod in pods}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return laid_out("services", tmp_path_factory.mktemp("image"))


def pod_command(pod: dict[str, Any], image: Path, volumes: Path) -> list[str]:
    """bubblewrap's command line for the pod: its mounts, its user, its variables, and a read-only root."""
    container = pod["containers"][0]
    args = ["bwrap", "--unshare-all", "--die-with-parent", "--cap-drop", "ALL", "--clearenv"]
    args += ["--uid", str(pod["securityContext"]["runAsUser"]), "--gid", str(pod["securityContext"]["runAsGroup"])]
    for place in ("/usr", "/etc", "/lib", "/lib64", "/bin"):
        args += ["--ro-bind-try", place, place]
    args += ["--proc", "/proc", "--dev", "/dev", "--ro-bind", str(image), "/srv/kaga"]
    kinds = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in sorted(container["volumeMounts"], key=lambda mount: mount["mountPath"]):
        if "emptyDir" in kinds[mount["name"]]:
            args += ["--tmpfs", mount["mountPath"]]
            continue
        folder = volumes / mount["name"]
        folder.mkdir(parents=True)
        for item in kinds[mount["name"]].get("secret", {}).get("items", ()):
            (folder / item["path"]).write_text("t" * 64)
        args += ["--ro-bind" if mount.get("readOnly") else "--bind", str(folder), mount["mountPath"]]
    # After the pod's own mounts: one of them is /tmp, and this checkout may lie below it.
    for place in dict.fromkeys((sys.base_prefix, sys.prefix)):
        args += ["--ro-bind", place, place]
    args += ["--ro-bind", str(Path(__file__).with_name("pod_start.py")), "/pod_start.py", "--remount-ro", "/"]
    args += ["--setenv", "PATH", f"{PYTHON.parent}:/usr/bin:/bin"]
    args += ["--setenv", "PYTHONPATH", "/srv/kaga:/srv/kaga/curriculum"]
    for item in container["env"]:
        args += ["--setenv", item["name"], item["value"]]
    probe = container["readinessProbe"]["httpGet"]
    port = next(port["containerPort"] for port in container["ports"] if port["name"] == probe["port"])
    args += ["--chdir", "/srv/kaga", str(PYTHON), "/pod_start.py", str(port), probe["path"]]
    return args + container["args"]


@pytest.mark.parametrize("name", ["classroom", "robolev"])
def test_a_service_starts_in_its_pod(deployments, image, tmp_path, name):
    command = pod_command(deployments[name], image, tmp_path)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "answered 200" in done.stdout, done.stderr
    assert "ended" in done.stdout, done.stdout + done.stderr
    assert any((tmp_path / "data").iterdir())
