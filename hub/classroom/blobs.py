"""Packages on disk, named by their content, written so that what was acknowledged survives a crash."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from pathlib import Path

DIGEST = re.compile(r"[0-9a-f]{64}")


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def write_durably(path: Path, data: bytes) -> None:
    """Whole or not at all: a synced temporary file takes the place of `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}")
    try:
        with fresh.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
    sync_folder(path.parent)


def digest_of(data: bytes) -> str:
    """The name of a content."""
    return hashlib.sha256(data).hexdigest()


class Blobs:
    """Contents by SHA-256 digest under `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _path(self, digest: str) -> Path:
        if not DIGEST.fullmatch(digest):
            raise ValueError("expected a SHA-256 digest in hexadecimal")
        return self.folder / digest[:2] / digest

    def put(self, data: bytes) -> str:
        """Store `data`; its digest. When this returns, the data are on disk."""
        digest = digest_of(data)
        path = self._path(digest)
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            sync_folder(self.folder)
            write_durably(path, data)
        return digest

    def size(self, digest: str) -> int:
        """Bytes of `digest` on disk."""
        return self._path(digest).stat().st_size

    def get(self, digest: str) -> bytes:
        """The data of `digest`; :class:`ValueError` when the disk gives other data back."""
        data = self._path(digest).read_bytes()
        if digest_of(data) != digest:
            raise ValueError(f"expected the stored package {digest[:12]}, found other data; restore a backup")
        return data
