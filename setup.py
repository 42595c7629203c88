"""What setup.cfg cannot say: the shipped grids, and a README that stands alone."""

import os
import re
from pathlib import Path

from setuptools import find_packages, setup


def stand_alone(readme: str, home: str) -> str:
    """Return a README for a package index, which has no folder beside it.

    Args:
        readme: Markdown whose pictures and links are relative to the repository.
        home: address of the repository's raw files at this version, with a slash at its
            end; "" leaves pictures out, and of a link its text.
    """
    link = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:)([^)]+)\)")
    if home:
        return link.sub(rf"\1[\2]({home}\3)", readme)
    return link.sub(lambda match: "" if match[1] else match[2], readme)


if __name__ == "__main__":
    root = Path(__file__).parent
    setup(
        packages=[*find_packages(include=["jaxgrok", "jaxgrok.*"]), "jaxgrok.sweeps"],
        package_dir={"jaxgrok.sweeps": "sweeps"},
        long_description=stand_alone(
            (root / "README.md").read_text(encoding="utf-8"),
            os.environ.get("JAXGROK_HOME", ""),
        ),
    )
