"""A worker of a fleet, on any machine: `python -m jaxgrok.worker RUN_DIR`."""
