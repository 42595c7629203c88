#!/usr/bin/env bash
# Sweep on a Kubernetes cluster: kubernetes.yaml, filled in, and the wheel copied to it.
#
#   scripts/launch/kubernetes.sh --claim=NAME [FLAGS] RUN_DIR sweep --grid NAME:SCALE ...
#
# RUN_DIR is a path below --mount, on a claimed volume that many nodes can mount and write
# (ReadWriteMany). The image needs bash, tar and Python; the Jobs run as user 1000.
#
# --dry_run             print the commands and the Jobs, and do nothing
# --claim=NAME          the PersistentVolumeClaim of the volume
# --mount=PATH          where the volume is mounted; by default /runs
# --workers=N           how many, each on a node of its own; by default 8
# --resources=YAML      limits of a worker; by default 'cpu: "8", memory: 16Gi'; with GPUs
#                       'cpu: "8", memory: 64Gi, nvidia.com/gpu: "8"'
# --extras=NAMES        of the wheel: fleet,cuda13; by default fleet
# --image=IMAGE         by default python:3.12
# --name=NAME           of the Jobs; by default jaxgrok
# --file=PATH           a grid file of your own, to copy beside the wheel; may be repeated
# shellcheck disable=SC2034 # jobs() reads variables by name
set -euo pipefail

# shellcheck source=common.sh
source "$(dirname "$0")/common.sh"
claim='' mount=/runs workers=8 image=python:3.12 name=jaxgrok file=()
resources='cpu: "8", memory: 16Gi'
read_words "RUN_DIR and a command" "$@"
set -- "${arguments[@]}"
[ -n "$claim" ] || refuse "--claim must name the PersistentVolumeClaim"
[[ $workers =~ ^[1-9][0-9]*$ ]] || refuse "--workers=$workers must be a number from 1 on"
run=$1
shift
[[ $run =~ ^"$mount"/[[:alnum:]_./-]+$ ]] || refuse "RUN_DIR=$run must be a path below --mount=$mount"
launch=$run.launch
command=$(quoted "$@" --out="$run" --workers=listen)

# The Jobs, with the variables above in the place of their names in braces.
jobs() {
    local text key
    text=$(<"$root/scripts/launch/kubernetes.yaml")
    for key in name claim mount workers image extras run launch command resources; do
        text=${text//"{$key}"/"${!key}"}
    done
    printf '%s\n' "${text//"{wheel}"/"$(wheel_name)"}"
}

folder=$name.launch
build_wheel "$folder"
[ ${#file[@]} = 0 ] || step cp "${file[@]}" "$folder/"
if [ -n "$dry_run" ]; then
    echo "# $folder/jobs.yaml:"
    jobs | sed 's/^/#     /'
else
    jobs >"$folder/jobs.yaml"
fi
step kubectl apply -f "$folder/jobs.yaml"
step kubectl wait --for=jsonpath='{.status.ready}'=1 --timeout=10m "job/$name-coordinator"
copy="tar cf - --exclude=jobs.yaml -C $(quoted "$folder") ."
copy+=" | kubectl exec -i job/$name-coordinator -- tar xf - -C $launch --no-same-owner"
step bash -o pipefail -c "$copy"
step kubectl exec "job/$name-coordinator" -- touch "$launch/ready"
echo "# kubectl logs --follow job/$name-coordinator     how it goes"
echo "# kubectl delete jobs --selector=app=$name        ends it; the same command goes on"
