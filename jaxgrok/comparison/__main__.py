"""Which method groks sooner? `python -m jaxgrok.comparison RUN_DIR --baseline VALUES`.

RUN_DIR               a run directory whose cells have all ended
--baseline VALUES     axis values that fit one method: optimiser=adamw,weight_decay=1.0;
                      these axes tell methods apart, all others are settings
--settings AXES       instead, the axes of the settings: operation,train_fraction
--cell VALUES         compare some cells only: operation=x+y
--step_times FILE     JSON of the seconds of a step, for ratios of wall time too:
                      {"optimiser=adamw": 0.0021, "optimiser=muon": 0.0034}

For every method and setting it prints the ratio of the median grok steps, method over
baseline, with a 95% interval from seeds resampled in pairs. It writes compare.csv and
plots/compare.png into RUN_DIR. A cell that did not grok counts as later than its
budget.
"""

import json
import sys
from typing import Any

from absl import flags

from jaxgrok.host import command_line
from jaxgrok.host.files.paths import as_path


def main(argv: list[str]) -> int:
    """Parse, compare, write, and return the exit code; bad input is one line and 2."""
    return command_line.run(argv, __doc__, _run)


def _run(argv: list[str]) -> int:
    """Compare the methods of the run directory that the command line names."""
    values = flags.FlagValues()
    for name in ("baseline", "settings", "cell", "step_times"):
        flags.DEFINE_string(name, None, name, flag_values=values)
    arguments = command_line.parse(values, argv)
    if len(arguments) != 1:
        raise ValueError("name one run directory, e.g. runs/mine; see --help")
    if not values.baseline:
        raise ValueError("--baseline is missing: e.g. --baseline optimiser=adamw")
    # Imported late: --help and a wrong flag need no JAX.
    from jaxgrok.comparison import report
    from jaxgrok.comparison.compare import compare
    from jaxgrok.host.files.atomic_files import check_writable
    from jaxgrok.results.run import open_run

    settings = None if values.settings is None else values.settings.split(",")
    run = open_run(arguments[0])
    check_writable(run.path)
    frame = compare(
        run,
        values.baseline,
        settings=settings and [name.strip() for name in settings],
        cell=values.cell,
        step_times=values.step_times and _step_times(values.step_times),
    )
    print(report.text(frame))
    print(", ".join(map(str, report.write(frame, run))))
    return 0


def _step_times(path: str) -> dict[str, Any]:
    """Read the seconds of a step, by selector, from a JSON file."""
    try:
        step_times = json.loads(as_path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f"--step_times {path} is not JSON ({error})") from None
    if not isinstance(step_times, dict):
        raise ValueError(
            f"--step_times {path} must hold selectors with seconds, as "
            '{"optimiser=adamw": 0.0021}'
        )
    return step_times


if __name__ == "__main__":
    sys.exit(main(sys.argv))
