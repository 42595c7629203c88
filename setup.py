"""What setup.cfg cannot say: shipped grids, a README that stands alone, the commit."""

import os
import re
import runpy
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent.resolve()


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


class BuildWithCommit(build_py):
    """Writes the git commit that a wheel is built from into its package."""

    def run(self) -> None:
        super().run()
        source = runpy.run_path(str(ROOT / "jaxgrok" / "host" / "source.py"))
        # An editable installation is read from the checkout, which knows its commit.
        if not self.editable_mode and (commit := source["commit"]()):
            file = Path(self.build_lib) / "jaxgrok" / source["COMMIT_FILE"]
            file.write_text(f"{commit}\n", encoding="utf-8")


if __name__ == "__main__":
    setup(
        cmdclass={"build_py": BuildWithCommit},
        packages=[*find_packages(include=["jaxgrok", "jaxgrok.*"]), "jaxgrok.sweeps"],
        package_dir={"jaxgrok.sweeps": "sweeps"},
        long_description=stand_alone(
            (ROOT / "README.md").read_text(encoding="utf-8"),
            os.environ.get("JAXGROK_HOME", ""),
        ),
    )
