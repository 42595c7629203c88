# What the launchers share; they source it.
#
# A run has a folder of its own beside it, RUN_DIR.launch: the wheel of this checkout, an
# environment that it is installed in, logs. A run goes on with the wheel that it began
# with; remove the folder for another one.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=${PYTHON:-python3}
extras=fleet
dry_run=
# The wheel is what runs, not a checkout that would come first.
unset PYTHONPATH

# Say what is wrong in one line, and end.
refuse() {
    echo "error: $*" >&2
    exit 2
}

# Print the lines of a script's own header, as its help.
help() {
    sed -n '2,/^[^#]/ { /^#SBATCH/d; s/^# \{0,1\}//p; }' "$1"
    exit 0
}

# Read a launcher's words. Its flags are those that its header names: --NAME=VALUE sets
# the variable NAME, or adds to it where that is an array, and --NAME sets it to 1. The
# others, of which there are two at least, are in `arguments`.
#
#   read_words "RUN_DIR and a command" "$@"
read_words() {
    local wanted=$1 header flag
    header=$(sed -n '2,/^[^#]/p' "$0")
    shift
    while [[ ${1-} == -* ]]; do
        [ "$1" != --help ] || help "$0"
        flag=${1%%=*}
        if [[ $1 == *=* && $header == *$'\n'"# $flag="* ]]; then
            if [[ $(declare -p "${flag#--}") == "declare -a"* ]]; then
                local -n list=${flag#--}
                list+=("${1#*=}")
            else
                printf -v "${flag#--}" %s "${1#*=}"
            fi
        elif [[ $1 != *=* && $header == *$'\n'"# $flag "* ]]; then
            printf -v "${flag#--}" 1
        else
            refuse "$1 is unknown; see $(basename "$0") --help"
        fi
        shift
    done
    arguments=("$@")
    [ ${#arguments[@]} -ge 2 ] || refuse "$wanted must be given; see $(basename "$0") --help"
}

# Print words as a shell reads them.
quoted() {
    local word words=()
    for word in "$@"; do
        [[ $word =~ ^[[:alnum:]_@%+=:,./-]+$ ]] || word=${word@Q}
        words+=("$word")
    done
    printf '%s\n' "${words[*]}"
}

# Print a command, and run it unless this is a dry run.
step() {
    quoted "$@"
    [ -n "$dry_run" ] || "$@"
}

# The file that `pip wheel` makes of this checkout.
wheel_name() {
    local version
    version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$root/jaxgrok/__init__.py")
    echo "jaxgrok-$version-py3-none-any.whl"
}

# Build the wheel into a folder, with what keeps a worker alive, unless they are there.
build_wheel() {
    local folder=$1
    if [ -f "$folder/worker.sh" ]; then
        echo "# $folder is there: its wheel goes on"
        return
    fi
    step mkdir -p "$folder"
    step rm -rf "$root/build" # of an earlier wheel: modules that are gone
    step "$python" -m pip wheel --quiet --no-deps --wheel-dir "$folder" "$root"
    step cp "$root/scripts/launch/worker.sh" "$folder/"
}

# Install the wheel of a folder into an environment in it, unless that is there.
install_wheel() {
    local folder=$1
    # pip installs the package itself last, and in it the command.
    [ ! -x "$folder/env/bin/jaxgrok" ] || return 0
    step "$python" -m venv --clear "$folder/env"
    # -P: what a build leaves in the current folder is no installed package.
    step "$folder/env/bin/python" -P -m pip install --quiet \
        "$folder/$(wheel_name)[$extras]"
}
