#!/usr/bin/env bash
# Trains under mpirun until the run is complete, whatever happens to its processes.
set -uo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/run-resilient.sh [-n RANKS] [OPTION...] -- [OPTION of dist-train...]

Starts `mpirun -np RANKS dist-train OPTIONS --resume auto` (mpirun of Open MPI or of MPICH, as
dist-train was built) and starts it again after a crash, from the newest good checkpoint. The run is
in the --output of its OPTIONS (config files and environment count too); else in a new
runs/<date>-<time>, which is printed.

  -n, -np RANKS       ranks, more than cores too; default: as many as mpirun finds slots for
  --max-restarts N    gives up after N restarts in a row that brought no newer checkpoint
                      (default 5); a newer one refills the budget (torchrun's counts all restarts)
  --max-linger S      ends an mpirun that has not noticed the end of its ranks when those of this
                      host have been gone for S seconds (default 60; 0: never)
  --launch COMMAND    what starts the ranks instead of mpirun: 'mpirun -H node1:4,node2:4'
  --help              show this text

INT (Ctrl-C), TERM and HUP ask for a checkpoint and an end, like USR1; a second one ends at once.

Exit code: that of dist-train in its last start; where the launcher tells another, the run's
summary.json and lock count. 0: complete. 75: stopped with a checkpoint, on request, by --max-time
or by a file `stop` in the run's directory; the same command with that --output goes on. 64, 65,
66, 78: wrong usage, data, input or settings, which no restart would mend. Anything else: given up.

Environment: PROGRAM names dist-train; else the one that belongs to this script, ./dist-train, or
PATH's.
EOT
}

say() {
    printf 'run-resilient: %s\n' "$1" >&2
}

fail() {
    say "$1"
    exit "$2"
}

find_program() {
    local directory candidate
    directory=$(dirname "${BASH_SOURCE[0]}")
    for candidate in "${PROGRAM:-}" "$directory/dist-train" "$directory/../dist-train" \
        "$directory/../../bin/dist-train" ./dist-train "$(command -v dist-train)"; do
        if [ -f "$candidate" ] && [ -x "$candidate" ]; then
            realpath "$candidate"
            return
        fi
    done
    return 1
}

# setting NAME: its value as the program understands the arguments, environment and config file.
setting() {
    sed -nE "s/^$1 = (.*)/\1/p" <<<"$settings" |
        sed -E '/^".*"$/ { s/^"(.*)"$/\1/; s/\\(["\\])/\1/g }'
}

# Sets $arguments to those given, less what this script has a say in: $output, $resume, $overwrite.
read_arguments() {
    arguments=() overwrite=()
    settings=$("$program" "$@" --print-config </dev/null) || exit
    output=$(setting output) resume=$(setting resume)
    [ -n "$output" ] || fail 'expected options of training behind --' 64
    [ "$resume" != never ] || resume=auto
    while [ $# -gt 0 ]; do
        case $1 in
            --output) shift ;;
            --output=*) ;;
            --resume) resume=${2-} && shift ;;
            --resume=*) resume=${1#*=} ;;
            --overwrite | --overwrite=* | --no-overwrite) overwrite=("$1") ;;
            *) arguments+=("$1") ;;
        esac
        shift
    done
}

# Sets $directory. Where the settings leave it to the program this script makes it: a restart must
# find it.
enter_directory() {
    local base n=1
    directory=$output
    [ "$output" = auto ] || return 0
    base=runs/$(date +%Y%m%d-%H%M%S)
    directory=$base
    mkdir -p runs || exit 73
    until mkdir "$directory" 2>/dev/null; do
        [ -e "$directory" ] || fail "$directory cannot be created" 73
        n=$((n + 1)) directory=$base-$n
    done
    ln -sfn "${directory##*/}" runs/latest
    say "the run is in $directory"
}

# The step of the newest checkpoint, -1 without one.
newest_step() {
    local file step newest=-1
    for file in "$directory"/checkpoints/step-*.h5; do
        step=${file##*/step-} step=${step%.h5}
        [[ $step =~ ^[0-9]{8,18}$ ]] || continue
        [ "$((10#$step))" -le "$newest" ] || newest=$((10#$step))
    done
    echo "$newest"
}

# Processes of the launcher's session: itself and the ranks of this host. Zombies do not count.
session() {
    local file line words
    for file in /proc/[0-9]*/stat; do
        { read -r line <"$file"; } 2>/dev/null || continue
        # State, parent, group and session stand behind the name in parentheses.
        read -ra words <<<"${line##*) }"
        [ "${words[3]}" != "$launcher" ] || [ "${words[0]}" = Z ] || echo "${line%% *}"
    done
}

# Ranks outlive a launcher that was killed, for a second, or for good if they were stopped.
wait_for_ranks() {
    local end=$((SECONDS + 10)) left
    while mapfile -t left < <(session) && [ ${#left[@]} -gt 0 ]; do
        if [ "$SECONDS" -ge "$end" ]; then
            say "killing processes that outlived their mpirun by 10 s: ${left[*]}"
            kill -KILL "${left[@]}" 2>/dev/null
        fi
        sleep 0.1
    done
}

# The run's lock, which a rank takes when all are up: another file when another process has it.
lock_file() {
    stat -c %i "$directory/lock" 2>/dev/null
}

summary_file() {
    stat -c '%i %y' "$directory/summary.json" 2>/dev/null
}

has_lock_of_this_start() {
    local now
    now=$(lock_file)
    [ -n "$now" ] && [ "$now" != "$old_lock" ]
}

# Not before do requests reach anybody: in its first moments USR1 would kill mpirun.
ranks_are_up() {
    [ "$SECONDS" -ge "$settled" ] || has_lock_of_this_start
}

# Passes a first request on as USR1, again and again, for mpirun may drop one; further ones as TERM.
pass_on() {
    if [ "$requests" -gt 1 ]; then
        [ "$requests" -eq "$passed" ] || kill -TERM "$launcher" 2>/dev/null
        passed=$requests
    elif [ "$SECONDS" -ge "$next_ask" ] && ranks_are_up; then
        kill -USR1 "$launcher" 2>/dev/null
        next_ask=$((SECONDS + 10))
    fi
}

# Ends a launcher that was left alone for $max_linger seconds, which an mpirun may not notice when
# its ranks are killed. One that never had ranks on this host is left in peace: they are elsewhere.
watch_launcher() {
    local had_ranks=false alone=0 pause=0.2 beat last_beat=
    while sleep "$pause"; do
        [ "$SECONDS" -lt "$settled" ] || pause=1
        beat=$(stat -c '%i %Y' "$directory/lock" 2>/dev/null)
        if [ "$(session)" != "$launcher" ]; then
            had_ranks=true alone=0 pause=1
        elif $had_ranks && [ "$beat" = "$last_beat" ]; then
            alone=$((alone + 1))
        else
            alone=0
        fi
        last_beat=$beat
        [ "$alone" -ge "$max_linger" ] || continue
        say "ending ${launch[0]}, whose ranks have been gone for $alone s"
        trap 'exit 1' TERM
        kill -TERM "$launcher" 2>/dev/null
        for _ in {1..50}; do sleep 0.1; done
        kill -KILL "$launcher" 2>/dev/null
        exit 1
    done
}

# Corrects $status by what the run has left: launchers end with 1, 137 or 0 whatever became of it.
# While a process elsewhere still has the run's lock, watch waits for it.
judge() {
    local said=0
    if has_lock_of_this_start || [ "$(summary_file)" != "$old_summary" ] ||
        { [ "$status" -eq 0 ] && [ -n "$old_summary" ]; }; then
        "$program" watch "$directory" >/dev/null 2>&1 </dev/null || said=$?
        case $requests:$said:$status in
            0:75:13[1-9]) ;; # ranks stop when their launcher is killed: nobody has asked for it
            # Complete, or stopped; or failed, or died, although the launcher has not noticed.
            *:0:* | *:75:* | *:7[01]:0 | *:7[01]:75) status=$said ;;
        esac
    fi
}

# Starts the ranks and sets $status. The launcher gets a session of its own: so a Ctrl-C is for this
# script alone, and the ranks can be told from all other processes.
train() {
    local last watcher=''
    old_lock=$(lock_file) old_summary=$(summary_file)
    status=127 settled=$((SECONDS + 10)) next_ask=0 passed=1
    setsid "${launch[@]}" "$program" "${arguments[@]}" --output "$directory" --resume "$resume" \
        "${overwrite[@]}" </dev/null &
    launcher=$!
    [ "$max_linger" -eq 0 ] || { watch_launcher & watcher=$!; }
    while :; do
        if [ "$requests" -eq 0 ]; then
            wait "$launcher" 2>/dev/null
            status=$?
        else
            pass_on
            sleep 0.1
        fi
        kill -0 "$launcher" 2>/dev/null || break
    done
    # A signal ends wait early: then the launcher's status is still to be had.
    wait "$launcher" 2>/dev/null
    last=$?
    [ "$last" -eq 127 ] || status=$last
    if [ -n "$watcher" ]; then
        kill "$watcher" 2>/dev/null
        wait "$watcher"
        [ $? -ne 1 ] || status=137
    fi
    # What USR1 does to a mpirun that is not ready: nothing was done, and nothing is lost.
    case $requests:$status in [1-9]*:138 | [1-9]*:244) status=75 ;; esac
    wait_for_ranks
    judge
}

read_own_arguments() {
    launch=() number=() max_restarts=5 max_linger=60
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        case $1 in
            -h | --help) usage && exit ;;
            -n | -np)
                [[ ${2-} =~ ^[1-9][0-9]{0,5}$ ]] || fail "$1: expected a number, found '${2-}'" 64
                number=(-np "$2")
                ;;
            --max-restarts)
                [[ ${2-} =~ ^[0-9]{1,9}$ ]] || fail "$1: expected a number, found '${2-}'" 64
                max_restarts=$((10#$2))
                ;;
            --max-linger)
                [[ ${2-} =~ ^[0-9]{1,9}$ ]] || fail "$1: expected a number, found '${2-}'" 64
                max_linger=$((10#$2))
                ;;
            --launch)
                read -ra launch <<<"${2-}"
                [ ${#launch[@]} -gt 0 ] || fail "$1: expected a command, found '${2-}'" 64
                ;;
            *) fail "unknown argument '$1'; options of dist-train stand behind --" 64 ;;
        esac
        shift 2
    done
}

# Sets $launch to the words of the command that starts the ranks.
find_launch() {
    if [ ${#launch[@]} -eq 0 ]; then
        find_launcher "$program" || exit
        launch=("${launcher[@]}")
    fi
    command -v "${launch[0]}" >/dev/null || fail "${launch[0]} is not installed" 69
    launch+=("${number[@]}")
    prepare_open_mpi
}

read_own_arguments "$@"
while [ $# -gt 0 ]; do
    [ "$1" != -- ] || { shift && break; }
    shift
done
program=$(find_program) || fail 'dist-train is neither beside this script nor in PATH: make' 66
# shellcheck source=scripts/ranks.sh
. "$(dirname "${BASH_SOURCE[0]}")/ranks.sh" || exit 66
find_launch
read_arguments "$@"

requests=0
trap 'requests=$((requests + 1))' INT TERM HUP
trap '[ "$requests" -gt 0 ] || requests=1' USR1

enter_directory
step=$(newest_step) idle=0
[ ${#overwrite[@]} -eq 0 ] || step=-1
while :; do
    train
    case $status in 0 | 64 | 65 | 66 | 75 | 78) exit "$status" ;; esac
    [ "$requests" -eq 0 ] || exit "$status"
    newest=$(newest_step)
    [ "$newest" -le "$step" ] || step=$newest idle=0
    [ "$idle" -lt "$max_restarts" ] ||
        fail "ended with status $status, no newer checkpoint after $idle restarts" "$status"
    idle=$((idle + 1)) overwrite=()
    [ "$step" -lt 0 ] || resume=auto
    say "ended with status $status: restart $idle of $max_restarts, newest checkpoint: step $step"
    sleep "$((idle - 1))"
    [ "$requests" -eq 0 ] || exit 75
done
