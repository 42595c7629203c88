"""Run one section: `python -m accelerator_sections NAME JOB.json`."""

import importlib
import sys

from accelerator_sections.job import Job

if __name__ == "__main__":
    section = importlib.import_module(f"accelerator_sections.{sys.argv[1]}")
    section.run(Job.read(sys.argv[2]))
