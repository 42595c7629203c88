#!/usr/bin/env bash
# A sweep on a Slurm cluster of this machine alone, with what happens on clusters.
#
#   scripts/checks/slurm.sh [FOLDER]
#
# Needs Debian's slurmctld, slurmd, slurm-client and munge (apt-get install them), and
# root, which slurmd wants. Starts munged, slurmctld and a slurmd for each of four nodes,
# all in FOLDER (by default a temporary one, removed if all is well), and submits
# scripts/launch/slurm.sbatch as it is: two nodes for the job, two for an array of
# latecomers. A worker is killed by kill -9; the job gets the signal of its time limit and
# goes on by itself; it is requeued by hand. The latecomers stay. In the end cells.csv and
# all curves must be those of one process, byte for byte, and no process may be left. At
# most half an hour; exit code 0 if all is well, 1 if not, 2 for what is missing.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
for name in munged slurmctld slurmd sbatch; do
    PATH=$PATH:/usr/sbin command -v "$name" >/dev/null || {
        echo "error: $name is missing: apt-get install slurmctld slurmd slurm-client munge" >&2
        exit 2
    }
done
[ "$(id -u)" = 0 ] || {
    echo "error: slurmd wants to be root" >&2
    exit 2
}
PATH=$PATH:/usr/sbin
folder=${1:-$(mktemp -d /tmp/jaxgrok-slurm.XXXXXX)}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
run=$folder/run
python=$run.launch/env/bin/python
deadline=$((SECONDS + 1000))
daemons=()

# Same bits everywhere: every process computes as on two threads, with one device.
export NPROC=2 JAX_NUM_CPU_DEVICES=1 SLURM_CONF=$folder/slurm.conf
grid=(--grid wd_vs_frac:laptop --grid.modulus=17 '--grid.train_fraction=(0.5, 0.7)'
    '--grid.weight_decay=(0.0, 0.3, 1.0, 5.0)' '--grid.seed=(0, 1, 2, 3, 4, 5)'
    '--grid.steps=(6000,)' --grid.snapshots=all)

say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }

# Wait until a command succeeds, looking twice a second.
until_() {
    local what=$1
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            say "gave up: $what"
            exit 1
        fi
        sleep 0.5
    done
    say "$what"
}

# End the daemons that were started here, the jobs with them.
clean_up() {
    scancel --user="$(id -un)" 2>/dev/null || true
    for _ in {1..40}; do
        ! queue_is_empty || break
        sleep 0.5
    done
    for daemon in "${daemons[@]}"; do kill "$daemon" 2>/dev/null || true; done
    wait
    left=$(remaining)
    [ -z "$left" ] || say "left running: $left"
}
trap clean_up EXIT

# Processes that name the folder.
remaining() { pgrep -f -- "$folder/" | grep -vx $$ || true; }

start() {
    "$@" >>"$folder/$(basename "$1").log" 2>&1 &
    daemons+=($!)
}

nodes_are_idle() { [ "$(sinfo -h -N -t idle -o %N | sort -u | wc -l)" = 4 ]; }
queue_is_empty() { [ -z "$(squeue -h)" ]; }

start_cluster() {
    mkdir -p "$folder"/{state,spool}
    # The plugin of the clients insists on the ownership of the folder of the socket.
    chmod 755 "$folder"
    (umask 077 && head -c 128 /dev/urandom >"$folder/munge.key")
    start munged --foreground --force --socket="$folder/munge.socket" \
        --key-file="$folder/munge.key" --pid-file="$folder/munge.pid" \
        --log-file="$folder/munge.log" --seed-file="$folder/munge.seed"
    cat >"$SLURM_CONF" <<CONF
ClusterName=check
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=17102
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,bf_interval=2
ReturnToService=2
SlurmdParameters=config_overrides
MpiDefault=none
KillWait=20
NodeName=n[1-4] NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=[17111-17114] CPUs=2
PartitionName=all Nodes=n[1-4] Default=YES MaxTime=INFINITE State=UP
CONF
    until_ "munged answers" test -S "$folder/munge.socket"
    start slurmctld -D -i
    for node in n1 n2 n3 n4; do start slurmd -D -N "$node"; done
    until_ "four nodes are idle" nodes_are_idle
}

# The ids of the processes of workers of the run, without the shells that keep them.
workers() { pgrep -f -- "^$python -P -m jaxgrok.worker"; }

status() { "$python" -m jaxgrok.status "$run" --json; }

# Whether so many cells have ended.
ended() {
    status | "$python" -c "import json, sys; sys.exit(json.load(sys.stdin)['done'] < $1)"
}

# Whether so many workers take part.
take_part() {
    status | "$python" -c "
import json, sys; sys.exit(len(json.load(sys.stdin)['workers']) != $1)"
}

restarts() { scontrol show job "$job" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p'; }
is_running_again() { [ "$(restarts)" = "$1" ] && [ "$(squeue -h -j "$job" -o %T)" = RUNNING ]; }
is_over() { scontrol show job "$job" | grep -q 'JobState=COMPLETED'; }

start_cluster
bash "$root/scripts/launch/slurm.sbatch" --nodes=2 "$run" sweep "${grid[@]}" | tee "$folder/submitted"
job=$(sed -n 's/^Submitted batch job //p' "$folder/submitted")
log=$run.launch/slurm-$job.out
until_ "job $job trains: a cell has ended" ended 1
bash "$root/scripts/launch/slurm.sbatch" --array=1-2 "$run"
until_ "two latecomers: four workers take part" take_part 4
mapfile -t victims < <(workers)
kill -9 "${victims[0]}"
say "kill -9 of worker ${victims[0]}, process 1 of ${#victims[@]}"
until_ "the coordinator has noticed" grep -q "is gone: it does not answer" "$log"
until_ "four workers take part again" take_part 4
scancel --batch --signal=USR1 "$job"
say "the signal of the time limit"
until_ "the job has queued itself again, and runs" is_running_again 1
until_ "four workers take part, the latecomers among them" take_part 4
scontrol requeue "$job"
say "requeued by hand"
until_ "it runs again" is_running_again 2
until_ "four workers take part, the latecomers among them" take_part 4
until_ "the job is COMPLETED" is_over
until_ "the latecomers have ended" queue_is_empty
say "the jobs are$(scontrol show job | sed -n 's/.*JobState=\([A-Z]*\).*/ \1/p' | tr -d '\n')"
JAX_NUM_CPU_DEVICES=2 timeout 600 "$run.launch/env/bin/jaxgrok" sweep "${grid[@]}" --out "$folder/alone" >"$folder/alone.log" 2>&1
say "one process has done the same"
cmp "$folder/alone/cells.csv" "$run/cells.csv" && say "cells.csv: the same bytes"
"$python" - "$folder/alone" "$run" <<'PY'
import sys
import jaxgrok, numpy as np
one, many = (jaxgrok.load(path) for path in sys.argv[1:])
assert set(one.variables) == set(many.variables)
for name in one.variables:
    a, b = one[name].values, many[name].values
    assert a.dtype == b.dtype and a.shape == b.shape, name
    assert a.tobytes() == b.tobytes() if a.dtype.kind != "O" else (a == b).all(), name
print(f"        all {len(one.variables)} arrays of the dataset: the same bytes")
PY
trap - EXIT
clean_up
[ -z "$left" ] || exit 1
say "nothing is left running"
[ $# -gt 0 ] || rm -rf "$folder"
