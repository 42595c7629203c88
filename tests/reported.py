"""A run directory of planted trainings, for tests of its report."""

import gzip
import json

import drawn
import handmade
import numpy as np

import jaxgrok
from jaxgrok.analyse import figure_arrays
from jaxgrok.analyse.circuits import CellSource, Report
from jaxgrok.report import page as pages
from jaxgrok.report.data import RunData
from jaxgrok.report.pack import LEVELS
from jaxgrok.results.files.shards import Result
from jaxgrok.training.records import PLAIN, Curve, Schema

STEPS, EVERY = 2_000, 10
FREQUENCIES = (1, 2, 3)
SCHEMA = Schema(
    (
        *PLAIN,
        Curve("sum_of_squares", "matrix", ("blocks.0.attn.W_K", "embed.W_E")),
        *(Curve(n, "freq", FREQUENCIES) for n in ("W_E_norm", "W_L_norm")),
        Curve("excluded_loss", "freq", FREQUENCIES),
    )
).with_steps()
KINDS = ("grokking", "comprehension", "memorisation", "confusion", "diverged", "failed")


def records(generator, kind, schema=SCHEMA):
    """Curves that the outcome rules read as this phase."""
    evals = STEPS // EVERY + 1
    if kind == "diverged":
        evals = int(generator.integers(5, evals))
    step = np.arange(evals) * EVERY
    memorised = generator.integers(3, 12) * EVERY
    groks = memorised * (1.2 if kind == "comprehension" else generator.uniform(4, 15))
    if kind in ("grokking", "comprehension"):
        evals = int(groks / EVERY) + 12
        step = step[:evals]
    values = np.abs(generator.normal(1, 0.1, (len(step), schema.width)))

    def rise(at):
        return 1 / (1 + np.exp(np.clip((at - step) / 15 - 6, -50, 50)))

    late = 1e9
    fits = late if kind in ("confusion", "diverged") else memorised
    grok = groks if kind in ("grokking", "comprehension") else late
    values[:, 0] = step
    for first, at in (("train", fits), ("test", grok)):
        values[:, schema.columns(f"{first}_accuracy")] = rise(at)
        values[:, schema.columns(f"{first}_loss")] = 1e-7 + 4 * (1 - rise(at))
    return values.astype(np.float32)


def result(cell, generator, kind, schema=SCHEMA):
    status = kind if kind in ("diverged", "failed") else "done"
    table = records(generator, kind, schema)
    cause = "" if status == "done" else f"it {kind}"
    table = table[:0] if kind == "failed" else table
    return Result(cell.id, status, schema, table, 2, cause)


def page(path, *others):
    """Write the page of a run directory, or of several, into the first."""
    runs = [RunData.of(jaxgrok.open(folder)) for folder in (path, *others)]
    return pages.write(path / pages.FILE, runs)


def analyse(path, cell):
    """Leave what an analysis of a cell leaves, of a planted network; return that."""
    network, circuit = drawn.planted()
    source = CellSource(str(path), cell, {}, 100)
    report = Report(source, network, circuit, drawn.measured(circuit))
    folder = path / "circuits" / f"cell={cell}"
    folder.mkdir(parents=True)
    (folder / "circuit.json").write_text(json.dumps(report.as_dict()))
    figure_arrays.write(report, folder)
    return network, circuit


def unpacked(entry, blob):
    """The numbers of one packed array, as the page reads them."""
    data = gzip.decompress(blob)
    data = data[4 + int.from_bytes(data[:4], "little") :]
    size = int(np.prod(entry["shape"]))
    codes = np.frombuffer(data, np.uint8)[entry["offset"] :].astype(int)
    steps = (codes[:size] + 256 * codes[size : 2 * size]).reshape(entry["shape"])
    share = (np.cumsum(steps, axis=-1) % 65536 - 1) / (LEVELS - 1)
    return entry["low"] + share * (entry["high"] - entry["low"])


def write(path, *, pending=0, kinds=KINDS, draw=0, schema=SCHEMA, **fields):
    """Leave a run directory of random phases; the last `pending` cells have none."""
    axes = {
        "weight_decay": (0.0, 0.1, 1.0),
        "train_fraction": (0.3, 0.5),
        "seed": (0, 1, 2),
    }
    manifest = handmade.manifest_of(steps=(STEPS,), eval_every=EVERY, **(axes | fields))
    generator = np.random.default_rng(draw)
    cells = manifest.cells[: len(manifest.cells) - pending]
    results = [result(c, generator, generator.choice(kinds), schema) for c in cells]
    return handmade.write(path, manifest, results)
