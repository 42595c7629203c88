#!/usr/bin/env bash
# Sweep on many spot slices of Cloud TPUs, one host each; this machine coordinates.
#
#   scripts/launch/tpu_vm.sh --zone=ZONE [FLAGS] RUN_DIR sweep --grid FILE:SCALE ...
#
# Run it on a small VM without accelerator in the network of the slices, in tmux. It
# builds the wheel of this checkout, asks for the slices as queued resources, and sweeps.
# A slice that comes joins; one that is taken away is asked for again; at the end, and
# after Ctrl-C, all are deleted. RUN_DIR is a folder of a file server that --mount mounts
# at the same path on slices, or gs://BUCKET/PATH.
#
# --dry_run            print the commands, and do nothing
# --zone=ZONE          of the slices
# --slices=N           how many; by default 8
# --type=TYPE          accelerator type of one host; by default v5litepod-8
# --runtime=VERSION    of the slices' software; by default v2-alpha-tpuv5-lite
# --name=NAME          of the slices: NAME-1, NAME-2, ...; by default jaxgrok
# --on_demand          no spot slices
# --mount=COMMAND      run by root on a slice: "mount -t nfs 10.0.0.2:/runs /mnt/runs"
# --key_secret=NAME    for gs://: the secret of Secret Manager that holds the fleet's key
# --look=SECONDS       between looks at the slices; by default 60
#
# PYTHON names the Python to make the environment with; slices get the same version.
set -euo pipefail

# shellcheck source=common.sh
source "$(dirname "$0")/common.sh"
slices=8 type=v5litepod-8 runtime=v2-alpha-tpuv5-lite zone='' name=jaxgrok
on_demand='' mount=: key_secret='' look=60
read_words "RUN_DIR and a command" "$@"
set -- "${arguments[@]}"
[ -n "$zone" ] || refuse "--zone must name the zone of the slices"
[[ $slices =~ ^[1-9][0-9]*$ ]] || refuse "--slices=$slices must be a number from 1 on"
# A process alone hangs on a slice of several hosts.
[[ $type =~ -[1-8]$ ]] || refuse "--type=$type must be of one host: its number is at most 8"
run=$1
shift
tier=(--spot)
[ -z "$on_demand" ] || tier=()
key=
case $run in
gs://*)
    [ -n "$key_secret" ] || refuse "--key_secret must name the secret that holds the key"
    key="gcloud secrets versions access latest --secret=$(quoted "$key_secret")"
    launch=$PWD/$(basename "$run").launch
    extras=fleet,gcs
    ;;
*)
    run=$(realpath -m "$run")
    launch=$run.launch
    ;;
esac

tpus() { step gcloud compute tpus queued-resources "$@" --zone="$zone"; }

create() {
    tpus create "$1" --node-id="$1" --accelerator-type="$type" --async \
        --runtime-version="$runtime" "${tier[@]}" --scopes=cloud-platform \
        --metadata-from-file=startup-script="$launch/startup.sh"
}

delete() { tpus delete "$1" --force --quiet "${@:2}"; }

# What root runs at every boot of a slice.
startup() {
    local user='' fetch
    fetch="cp $(quoted "$launch")/{worker.sh,constraints.txt,*.whl} ."
    if [ -n "$key" ]; then
        fetch="gcloud storage cp $(quoted "$run.launch")/\* ."
        user="env JAXGROK_FLEET_KEY=\"\$($key)\""
    else
        # coordinator.json is read by its owner alone.
        user="setpriv --reuid=\"\$(stat -c %u $(quoted "$launch"))\""
        user+=" --regid=\"\$(stat -c %g $(quoted "$launch"))\" --clear-groups env HOME=/tmp"
    fi
    cat <<SCRIPT
#!/usr/bin/env bash
set -eux
$mount
mkdir -p /opt/jaxgrok
cd /opt/jaxgrok
$fetch
python3 -m pip install --quiet uv
rm -rf env # of an earlier boot
uv venv --quiet --python $version --python-preference only-managed env
uv pip install --quiet --python env/bin/python -c constraints.txt './$(wheel_name)[$extras,tpu]'
exec $user bash worker.sh /opt/jaxgrok/env/bin/python $(quoted "$run") --wait=86400
SCRIPT
}

# Ask again for slices that were taken away, until the sweep ends.
keep() {
    local i state nap
    trap 'kill "$nap"; exit' TERM
    while :; do
        sleep "$look" &
        nap=$!
        wait "$nap"
        for ((i = 1; i <= slices; i++)); do
            state=$(gcloud compute tpus queued-resources describe "$name-$i" \
                --zone="$zone" --format='value(state.state)') || continue
            if [[ $state =~ ^(SUSPENDED|FAILED)$ ]]; then
                echo "# $name-$i is $state"
                delete "$name-$i" || continue
                create "$name-$i" || continue
            fi
        done
    done
}

clean_up() {
    local i
    if [ -n "$keeper" ]; then
        kill "$keeper" 2>/dev/null || true
        wait "$keeper" || true
    fi
    for ((i = 1; i <= slices; i++)); do delete "$name-$i" --async || true; done
}

version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
build_wheel "$launch"
install_wheel "$launch"
freeze=$(quoted "$launch/env/bin/python" -m pip freeze --exclude jaxgrok)
step bash -c "$freeze >$(quoted "$launch/constraints.txt")"
if [ -n "$dry_run" ]; then
    echo "# $launch/startup.sh:"
    startup | sed 's/^/#     /'
else
    startup >"$launch/startup.sh"
fi
if [ -n "$key" ]; then
    step gcloud storage cp "$launch/worker.sh" "$launch/constraints.txt" \
        "$launch/$(wheel_name)" "$run.launch/"
    echo "export JAXGROK_FLEET_KEY=\"\$($key)\""
    if [ -z "$dry_run" ]; then
        JAXGROK_FLEET_KEY=$($key)
        export JAXGROK_FLEET_KEY
    fi
fi
keeper=
trap clean_up EXIT
for ((i = 1; i <= slices; i++)); do create "$name-$i"; done
if [ -n "$dry_run" ]; then
    echo "# Every $look s: $(tpus describe "$name-1" --format='value(state.state)')"
    echo "# and so on; what is SUSPENDED or FAILED is deleted, and created again."
else
    keep >>"$launch/slices.log" 2>&1 &
    keeper=$!
fi
step "$launch/env/bin/jaxgrok" "$@" --out="$run" --workers=listen
