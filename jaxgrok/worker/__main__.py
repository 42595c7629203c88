"""Train for a coordinator elsewhere: `python -m jaxgrok.worker RUN_DIR`.

--wait SECONDS        for a coordinator to begin with; 5 by default
--patience SECONDS    for another one, where it is lost; 600 by default
--key FILE            the coordinator's secret, where it has one; or JAXGROK_FLEET_KEY
--name NAME           what its lines are called in logs; by default host and process

Finds the coordinator by RUN_DIR/coordinator.json, which runs code here: start a worker
only on a run directory that you trust like a login.

Exit codes: 0, the sweep ended; 2, bad input, no coordinator, or this machine was
refused; above 128, stopped by a signal, everything saved.
"""

import sys

from absl import flags

from jaxgrok.host import background, command_line


def main(argv: list[str]) -> int:
    """Parse, work, and return the exit code."""
    return command_line.run(argv, __doc__, _main)


def _main(argv: list[str]) -> int:
    values = flags.FlagValues()
    flags.DEFINE_float("wait", 5.0, "for a coordinator", flag_values=values)
    flags.DEFINE_float("patience", 600.0, "for another one", flag_values=values)
    flags.DEFINE_string("key", "", "file of a secret", flag_values=values)
    flags.DEFINE_string("name", "", "in logs", flag_values=values)
    run_dirs = command_line.parse(values, argv)
    if len(run_dirs) != 1:
        raise ValueError(f"RUN_DIR must be one folder; {len(run_dirs)} were given")
    # Imported late: a mistyped flag should not wait for jax.
    from jaxgrok.fleet import process, rendezvous

    return process.work(
        run_dirs[0],
        wait=values.wait,
        patience=values.patience,
        secret=rendezvous.secret_of(values.key),
        name=values.name,
    )


if __name__ == "__main__":
    background.end_with(main(sys.argv))
