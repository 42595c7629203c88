#!/usr/bin/env bash
# Sweep on the machines of a rack: a worker on each by ssh, the coordinator on this one.
#
#   scripts/launch/ssh.sh [FLAGS] "HOST HOST ..." RUN_DIR sweep --grid FILE:SCALE ...
#   scripts/launch/ssh.sh [FLAGS] "HOST ..." RUN_DIR            # more workers, later
#
# It builds the wheel of this checkout, installs it beside the run, and starts the
# workers; the sweep runs in this terminal, and Ctrl-C ends it and them. RUN_DIR is a
# folder at the same path on all machines, which have the same Python at the same path.
# A HOST may be this machine, so that it trains too.
#
# --dry_run         print the commands, and do nothing
# --extras=NAMES    of the wheel: fleet,cuda13; by default fleet
# --listen=WHERE    HOST or HOST:PORT of this machine that the others reach; by default any
#
# PYTHON names the Python to make the environment with; SSH the command, by default ssh.
set -euo pipefail

# shellcheck source=common.sh
source "$(dirname "$0")/common.sh"
read -r -a ssh <<<"${SSH:-ssh}"
listen=
read_words "hosts and RUN_DIR" "$@"
set -- "${arguments[@]}"
read -r -a hosts <<<"$1"
run=$(realpath -m "$2")
shift 2

launch=$run.launch
build_wheel "$launch"
install_wheel "$launch"
reached=0
for host in "${hosts[@]}"; do
    # The lock, which the worker holds: a machine has one, also where this runs twice.
    worker=$(quoted flock --nonblock "$launch/$host.lock" bash "$launch/worker.sh" \
        "$launch/env/bin/python" "$run" --wait=600)
    log=$(quoted "$launch/$host.log")
    if step "${ssh[@]}" "$host" "nohup $worker </dev/null >>$log 2>&1 &"; then
        reached=$((reached + 1))
    else
        echo "warning: $host was not reached, and has no worker" >&2
    fi
done
[ "$reached" -gt 0 ] || refuse "none of the hosts was reached"
if [ $# -gt 0 ]; then
    step "$launch/env/bin/jaxgrok" "$@" --out="$run" --workers="listen${listen:+:$listen}"
fi
