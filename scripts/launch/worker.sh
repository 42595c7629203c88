#!/usr/bin/env bash
# Runs a worker, and starts it again where it was killed: out of memory, a crash.
#
#   worker.sh PYTHON RUN_DIR [FLAGS OF python -m jaxgrok.worker]
#
# Ends with the worker's exit code once the sweep is over, or this machine is refused, or
# somebody asks it to stop; with 137 or the like after five deaths within a minute each.
set -u

python=$1
shift
worker=
trap 'kill -TERM "$worker" 2>/dev/null' TERM INT HUP

# Wait for a process as a signal does not: until it ends. Returns its exit code.
ended() {
    while kill -0 "$1" 2>/dev/null; do wait "$1"; done
    wait "$1"
}

deaths=0
while :; do
    began=$SECONDS
    # -P: the installed jaxgrok, not a checkout in the current folder.
    "$python" -P -m jaxgrok.worker "$@" &
    worker=$!
    ended "$worker"
    code=$?
    case $code in
    132 | 134 | 135 | 136 | 137 | 139) ;; # SIGILL, ABRT, BUS, FPE, KILL, SEGV
    *) exit "$code" ;;
    esac
    deaths=$((SECONDS - began < 60 ? deaths + 1 : 1))
    echo "worker.sh: the worker died (code $code)" >&2
    [ "$deaths" -lt 5 ] || exit "$code"
    sleep 2
done
