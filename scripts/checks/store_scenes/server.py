"""A real S3 server on loopback, with a bucket."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from store_scenes.processes import wait


@contextlib.contextmanager
def server(work: Path) -> Iterator[str]:
    """Start moto's server with a bucket, for as long as it is used; yield its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    import fsspec

    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with open(work / "server.log", "wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        wait(lambda: is_open(port), "the server answers", process)
        fsspec.filesystem("s3").mkdir("runs")
        yield "s3://runs"
    finally:
        process.kill()
        process.wait()


def is_open(port: int) -> bool:
    """Tell whether something listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
