"""How fast is jaxgrok beside what its users would otherwise write?

    pip install '.[torch]'
    python scripts/bench/peers.py                    # p = 113, the post's model
    python scripts/bench/peers.py --scale laptop

Eight ways to train the same networks (`peer_loops`) on x + y mod p, 30% of the pairs:
1 the post's loop (eager PyTorch, full batch, float64 loss, the test loss in every
epoch), 2 the same without the latter, 3 under torch.compile, 4 in a process of one
thread a core, 5 a torch.func ensemble, eager and compiled, 6 textbook Flax, one run
after another, 7 the same under plain vmap, in lock-step, 8 jaxgrok's engine. All start
from the same weights; their training losses must agree after the first steps.

Every peer has a process of its own and waits while another is timed. Rounds go through
all of them; what is told are medians, and the ratio of peers of the same round, with
its quartiles. Evaluations (loss and accuracy on all pairs) are timed apart and counted
once in 100 steps; so is what it takes to have made one of each (compilation). The last
line is one line of JSON. Exit code 0; 1 if losses differ. Post: about 10 minutes on two
cores. Where there is a GPU, all but 4 use it; --together and --patience are for a
machine that is lent by the minute.
"""

import importlib
import json
import math
import multiprocessing
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np
from absl import app, flags
from peer_loops import PEERS, build, cores, prepare

SCALE = flags.DEFINE_enum("scale", "post", ["post", "laptop"], "model and modulus")
ROUNDS = flags.DEFINE_integer("rounds", 7, "interleaved rounds")
STEPS = flags.DEFINE_integer("steps", 0, "steps of a lane in a round; 0: by scale")
ONLY = flags.DEFINE_list("only", [], "peers to time, by number: 1,7,8")
LANES = flags.DEFINE_integer("lanes", 4, "lanes of the ensembles, peers 5 and 7")
WIDTH = flags.DEFINE_integer("width", 0, "jaxgrok's block width; 0: the device's own")
TOGETHER = flags.DEFINE_bool(
    "together", False, "build all peers at once: sooner, but `first` counts the others"
)
PATIENCE = flags.DEFINE_float(
    "patience", 0, "seconds after which a peer that is not ready is left out; 0: none"
)
EVERY = 100
CELL = 10_000
"""Steps of a training, for cells an hour."""
CHECKED, TOLERANCE = 5, 1e-3
"""Steps after which losses are compared: later, rounding alone drives them apart."""
OURS, POST = "8 jaxgrok", "1 the post's loop"
PROCESSES = "4 a process a core"
FLAGS = ("XLA_FLAGS", "JAX_NUM_CPU_DEVICES", "OMP_NUM_THREADS", "NPROC")
CONNECT = multiprocessing.get_context("spawn")


def serve(pipe: Any, name: str, more: dict[str, Any]) -> None:
    """A peer's process: build it, then do what is asked and say how long it took."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if name == PROCESSES:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # an idea for CPUs
    if name == OURS:
        from jaxgrok.host import machine

        machine.prepare()
        os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"  # to tell what it takes
    work = pipe.recv()
    try:
        importlib.import_module(PEERS[name][0])
        start = time.perf_counter()
        peer = build(name, work, **more)
        pipe.send((time.perf_counter() - start, peer.lanes))
        while order := pipe.recv():
            what, *arguments = order
            start = time.perf_counter()
            answer = getattr(peer, what)(*arguments)
            pipe.send((time.perf_counter() - start, answer))
    except Exception as error:
        pipe.send((f"{type(error).__name__}: {error}".splitlines()[0], None))


class Remote:
    """A peer, in a process of its own or, of peer 4, in one a core.

    Args:
        name: of the peer.
        work: what it trains.
        more: its own arguments.
        deadline: by `time.monotonic`, after which it is not waited for but ended.
    """

    def __init__(
        self, name: str, work: Any, more: dict[str, Any], deadline: float = math.inf
    ) -> None:
        self._pipes = []
        self._processes = []
        self.deadline = deadline
        for _ in range(cores() if name == PROCESSES else 1):
            ours, theirs = CONNECT.Pipe()
            process = CONNECT.Process(
                target=serve, args=(theirs, name, more), daemon=True
            )
            process.start()
            theirs.close()  # so that its death is noticed
            ours.send(work)
            self._pipes.append(ours)
            self._processes.append(process)
        answers = self._answers()
        self.lanes = sum(lanes for _, lanes in answers)
        self.built = max(seconds for seconds, _ in answers)
        """Seconds to build it, imports left out."""

    def ask(self, *order: Any) -> tuple[float, Any]:
        """Have all its processes do something; seconds of the slowest, one's answer."""
        for pipe in self._pipes:
            pipe.send(order)
        answers = self._answers()
        return max(seconds for seconds, _ in answers), answers[0][1]

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.send(())

    def _answers(self) -> list[Any]:
        try:
            answers = [self._answer(pipe) for pipe in self._pipes]
        except RuntimeError:
            for process in self._processes:
                process.kill()  # nobody is to be timed beside it
            raise
        return answers

    def _answer(self, pipe: Any) -> Any:
        left = self.deadline - time.monotonic()
        if not pipe.poll(None if left == math.inf else max(left, 0)):
            raise RuntimeError(f"not ready within {PATIENCE.value:.0f} s")
        try:
            first, second = pipe.recv()
        except EOFError:
            raise RuntimeError("its process died") from None
        if isinstance(first, str):
            raise RuntimeError(first)
        return first, second


class Timed(NamedTuple):
    """Seconds a lane [rounds]; `first` until one step and one evaluation were made."""

    steps: np.ndarray
    evaluations: np.ndarray
    first: float

    def step(self, name: str) -> np.ndarray:
        """Seconds a lane-step [rounds], its share of an evaluation included."""
        # The post's loop has its evaluation in every epoch already.
        return self.steps + (0 if name == POST else self.evaluations / EVERY)


def measure(names: list[str], n_steps: int) -> tuple[dict[str, Timed], dict[str, str]]:
    """Time the peers, round by round; those that failed, with the cause."""
    with CONNECT.Pool(1) as pool:
        work = pool.apply(prepare, (SCALE.value, LANES.value))
    remotes: dict[str, Remote] = {}
    failed: dict[str, str] = {}
    first, losses = {}, {}
    deadline = time.monotonic() + (PATIENCE.value or math.inf)
    with ThreadPoolExecutor(len(names) if TOGETHER.value else 1) as pool:
        futures = {n: pool.submit(ready, n, work, n_steps, deadline) for n in names}
    for name, future in futures.items():
        try:
            remotes[name], first[name], losses[name] = future.result()
        except RuntimeError as error:
            failed[name] = str(error)
    agree(losses)
    times_by_name: dict[str, list[tuple[float, float]]] = {name: [] for name in remotes}
    for _ in range(ROUNDS.value):
        for name, remote in remotes.items():
            steps, evaluation = remote.ask("steps", n_steps), remote.ask("evaluate")
            times_by_name[name].append((steps[0] / n_steps, evaluation[0]))
    timed = {}
    for name, times in times_by_name.items():
        steps, evaluations = np.array(times).T / remotes[name].lanes
        timed[name] = Timed(steps, evaluations, first[name])
        remotes[name].close()
    return timed, failed


def ready(
    name: str, work: Any, n_steps: int, deadline: float
) -> tuple[Remote, float, np.ndarray]:
    """Start a peer and warm it up.

    Returns:
        The peer, the seconds until a step and an evaluation were made, and its losses
        after CHECKED steps [lanes].
    """
    more: dict[str, Any] = {"lanes": LANES.value} if name[0] in "57" else {}
    if name == OURS:
        more = {"width": WIDTH.value}
    remote = Remote(name, work, more, deadline)
    first = remote.built + remote.ask("steps", 1)[0] + remote.ask("evaluate")[0]
    remote.ask("steps", CHECKED - 1)
    losses = remote.ask("evaluate")[1]
    remote.ask("steps", n_steps)
    remote.deadline = math.inf
    return remote, first, losses


def agree(losses: dict[str, np.ndarray]) -> None:
    """Refuse to compare peers that do not train the same; losses [lanes]."""
    if not losses:
        return
    reference = next(iter(losses.values()))[0]
    for name, values in losses.items():
        if not abs(values[0] / reference - 1) < TOLERANCE:
            print(f"error: after {CHECKED} steps {name} has a loss of {values[0]}")
            sys.exit(1)
    print(
        f"training loss of seed 0 after {CHECKED} steps: {reference:.5f} in all of them"
    )


def report(times: dict[str, Timed], failed: dict[str, str], n_steps: int) -> None:
    """Print a table, and one line of JSON."""
    print(
        f"{SCALE.value}, {ROUNDS.value} rounds of {n_steps} steps and an evaluation, "
        f"{cores()} cores, {machine()}"
    )
    print(f"{'':26s}  first     step  evaluation  cells/hour  jaxgrok is faster by")
    summary = {}
    for name, timed in times.items():
        step = timed.step(name)
        cells = 3600 / (CELL * float(np.median(step)))
        summary[name] = {
            "ms_step": float(np.median(timed.steps)) * 1e3,
            "ms_evaluation": float(np.median(timed.evaluations)) * 1e3,
            "first_s": timed.first,
            "cells_per_hour": cells,
        }
        row = summary[name]
        line = (
            f"{name:26s} {timed.first:4.1f} s {row['ms_step']:8.2f} ms "
            f"{row['ms_evaluation']:8.1f} ms {cells:11.2f}"
        )
        if OURS in times and name != OURS:
            low, middle, high = np.quantile(
                step / times[OURS].step(OURS), [0.25, 0.5, 0.75]
            )
            row["ratio"] = float(middle)
            line += f"  {middle:6.2f} ({low:.2f} to {high:.2f})"
        print(line)
    for name, cause in failed.items():
        print(f"{name:26s} left out: {cause}")
    print(json.dumps({"scale": SCALE.value, "peers": summary}))


def machine() -> str:
    """Versions and the flags that matter."""
    packages = []
    for name in ("jaxgrok", "jax", "flax", "optax", "torch"):
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    flags_set = [f"{name}={os.environ[name]}" for name in FLAGS if name in os.environ]
    return ", ".join([*packages, *flags_set])


def main(_: list[str]) -> None:
    n_steps = STEPS.value or (5 if SCALE.value == "post" else 200)
    names = [n for n in PEERS if not ONLY.value or n.split()[0] in ONLY.value]
    times, failed = measure(names, n_steps)
    report(times, failed, n_steps)


if __name__ == "__main__":
    app.run(main)
