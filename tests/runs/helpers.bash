# What the bats files of the program share: a directory of their own, runs of dist-train, and what
# these wrote. bats loads it; $work is the current directory of a test.
# shellcheck shell=bash disable=SC2034 # the tests use what seems unused

common_setup() {
    top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    program=${PROGRAM:-$top/dist-train}
    python=${PYTHON:-python3}
    mnist=${DIST_TRAIN_DATA:-}
    work=$(mktemp -d)
    cd "$work" || return 1
    local name words
    words=${LAUNCHER:-$("$top/scripts/ranks.sh" "$program")} || return 1
    read -ra launcher <<<"$words" # launcher + -np N: the words that start ranks
    for name in $(compgen -e DIST_TRAIN_ || true); do unset "$name"; done
    if [ "$(id -u)" = 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
    # Of Open MPI: not to look for networks, to start no daemon for a run without mpirun, and not to
    # wait a second for the ranks of a run that failed. A third of the time.
    export OMPI_MCA_pml=ob1 OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_odls_base_sigkill_timeout=0
    export PYTHONDONTWRITEBYTECODE=1
    ulimit -c unlimited
}

# Seconds after which what a test runs has hung: far more than it takes on a busy machine.
export limit=180

# processes REGEX: the numbers of the processes of which it matches 'STATE PARENT COMMAND LINE'.
processes() {
    local directory line state command
    for directory in /proc/[0-9]*; do
        # State and parent stand behind the name in parentheses.
        read -r line <"$directory/stat" || continue
        read -ra state <<<"${line##*) }"
        mapfile -d '' -t command <"$directory/cmdline"
        [[ ! "${state[0]} ${state[1]} ${command[*]}" =~ $1 ]] || echo "${directory##*/}"
    done 2>/dev/null
}

# Processes that work in $work, a number and a command a line: the helpers of a run may take a
# moment to end.
processes_left() {
    local directory
    for directory in /proc/[0-9]*; do
        [[ $(readlink "$directory/cwd") != "$work"* || $directory == "/proc/$$" ]] ||
            echo "${directory##*/} $(tr '\0' ' ' <"$directory/cmdline")"
    done 2>/dev/null
}

# Fails the test when it left a process or a core dump behind; ends the process.
common_teardown() {
    local left cores pid i
    cd /
    for i in {1..20}; do
        left=$(processes_left)
        [ -n "$left" ] || break
        sleep 0.1
    done
    cores=$(find "$work" -name 'core*')
    rm -rf "$work"
    # bats would wait for them.
    while read -r pid _; do
        [ -z "$pid" ] || kill -9 "$pid" || true
    done <<<"$left"
    expect "processes left behind" "" "$left"
    expect "core dumps" "" "$cores"
}

# expect WHAT EXPECTED FOUND
expect() {
    [ "$2" = "$3" ] && return
    echo "$1: expected '$2', found '$3'"
    return 1
}

# settings_known: a line a setting, its name and the names or truths that it may have, as the
# program says: one that is added is tested too.
settings_known() {
    "$program" --print-config | awk '
        sub(/^; (one of |true or )/, "&") {
            sub(/^; (one of )?/, ""); sub(/;.*/, ""); gsub(/,| or /, " "); words = $0 }
        $2 == "=" { $0 = $1 " " words; $1 = $1; print; words = "" }'
}

# names SETTING: those that it may have.
names() {
    settings_known | sed -n "s/^$1 //p"
}

# nth NUMBER NAME...: the names in turn.
nth() {
    local number=$1
    shift
    echo "${@:number % $# + 1:1}"
}

# commands: the names of those that it has.
commands() {
    "$program" --help | awk '/^Commands:/ { on = 1; next } !NF { on = 0 }
        on && /^  [a-z]/ { print $1 }'
}

# choices COMMAND OPTION: the names that an option of the command takes, which is no setting.
choices() {
    "$program" --generate bash | sed -n "s/^ *$1:--$2) .*values='\(.*\) ' ;;\$/\1/p"
}

# kinds: the names of all kinds of layers that it knows.
kinds() {
    "$program" --help layers | sed -nE '/^(Kinds|Activations)/,/^$/s/^  ([a-z-]+) .*/\1/p'
}

# An item of each kind of layer that may stand behind one with an even number of outputs in a row, a
# line each: the kind, and the values that it must have. What gives a second input is in front.
row_items() {
    kinds | sed -E '/^(dense|conv|maxpool|avgpool|flatten)$/d
        s/^groupnorm$/groupnorm 2/; s/^dropout$/dropout 0.25/; s/^add$/tanh as one, add one/'
}

# again ITEM: the same a second time in a list, with a label of its own.
again() {
    echo "${1//one/two}"
}

# A network with each kind of layer, of images of 7 x 7 and more, a line each: in front of a dense
# layer, and behind it if it may stand there. Known are the values that kinds must have, by name.
kind_networks() {
    local items item rows
    mapfile -t items < <("$program" --help layers |
        sed -nE '/^(Kinds|Activations)/,/^$/s/^  ([a-z-]+( [a-zA-Z]+)*)   *[^ ].*/\1/p' | sed '
            s/\<units\>/8/; s/\<filters\>/6/; s/\<kernel\>/3/; s/\<groups\>/2/; s/\<p\>/0.25/')
    expect "an item a kind" "$(kinds)" "$(printf '%s\n' "${items[@]%% *}")" >&2 ||
        echo "what no test can train"
    rows=$(row_items)
    for item in "${items[@]/#add LABEL/tanh as one, add one}"; do
        echo "conv 4 3x3 tanh, $item, dense 12$(
            grep -qxF "$item" <<<"$rows" && echo ", $(again "$item")"), dense 10"
    done
}

# Networks of images: of a row behind them whose order PyTorch has otherwise, of paddings that are
# not the same on both sides, of one place, of images between and behind rows, of normalisations of
# images and rows, of these alone, and of sums of images and rows.
image_networks=(
    "conv 6 5x5 pad 2 relu, maxpool 3 stride 2 pad 1, conv 8 3x3 stride 2 same tanh, \
        avgpool 2 stride 1, dense 20 relu, dense 10"
    "conv 6 3x3 relu, conv 5 2x3 stride 1x2 pad 1x2, avgpool all, dense 10"
    "conv 5 4x4 same bias false relu, maxpool 3 stride 2 same, flatten, tanh, dense 10 bias false"
    "avgpool 3x2 stride 1 pad 1, rms, maxpool 2x1, dense 6, conv 10 1x1, avgpool 1 softmax"
    "conv 6 3x3, groupnorm 3 relu, layernorm, maxpool 2, dense 12, groupnorm 4, dense 10"
    "conv 4 2x3 stride 2x1, rms, layernorm epsilon 0.001 relu, groupnorm 2, flatten, \
        layernorm, dense 10"
    "groupnorm 1 epsilon 0.01 relu, layernorm, dense 12, layernorm, dense 10"
    "conv 6 3x3 same relu as a, conv 6 3x3 same, add a relu as b, rms as c, add b relu, \
        conv 6 1x1, add c, maxpool 2, dense 12 as d, tanh, add d, conv 12 1x1, add d, dense 10"
    "conv 6 3x3 same relu as a, conv 6 3x3 same tanh, add a relu, maxpool 3 stride 2 pad 1, \
        avgpool all as b, dense 6 tanh, add b, dense 12 as c, tanh, conv 12 1x1, add c, dense 10"
)

# seed_draws: what is drawn from here on is new each time, or that of TEST_SEED.
seed_draws() {
    local seed=${TEST_SEED:-$SRANDOM}
    RANDOM=$seed
    echo "TEST_SEED=$seed draws the same again"
}

# pick NAME [VALUE...]: one of the values into the variable; of none, of those that the setting of
# its name may have. (In a command substitution, RANDOM would not follow the seed.)
pick() {
    # shellcheck disable=SC2046 # words
    [ $# -gt 1 ] || set -- "$1" $(names "$1")
    printf -v "$1" %s "${@:RANDOM % ($# - 1) + 2:1}"
}

# Sets v, nps (one up to V, one of any) and settings, of a run of images of 28 x 28 in 10 classes:
# all that the program has, but those that are the tests' own or break no law. Learning rates are
# such that nothing diverges. What values a new setting may have is to be said here, if the program
# does not.
draw_run() {
    local limit=$((RANDOM % 500 + 20)) batch split schedule val loss layers networks name of value
    v=$((RANDOM % 12 + 1))
    nps="$((RANDOM % (v < 3 ? 1 : v < 8 ? v - 1 : 7) + 2)) $((RANDOM % 7 + 2))"
    pick batch 1 $((RANDOM % v + 1)) $((RANDOM % 130 + 1)) $((RANDOM % 130 + 1)) 600
    [ "$batch" -gt 3 ] || limit=$((limit % 40 + 20)) # many ranks take their time for a step
    pick split standard standard random
    pick schedule
    pick loss
    pick val 0.1 0.35
    [ "$split" = random ] || [ "$schedule" = plateau ] || pick val 0 0.1 0.35
    mapfile -t networks < <(kind_networks)
    pick layers "${networks[@]}" "${image_networks[@]}"
    pick layers "$layers" $((RANDOM % 50 + 1)),10 64,$((RANDOM % 50 + 1)),10 512,10 \
        $((RANDOM % 2 ? 1024 : 40)),20,10 "$layers"
    settings=()
    while read -ra of; do
        name=${of[0]} of=("${of[@]:1}")
        case $name in
            data | keys | size | classes | virtual_ranks | accumulate | max_steps | resume | \
                output | overwrite) continue ;; # the test's
            allreduce | max_time | checkpoint_minutes | stall_timeout | progress | report | \
                timeline) continue ;;
            split | schedule | loss | layers) of=("${!name}") ;;
            val_fraction) of=("$val") ;;
            train_limit) of=("$limit") ;;
            test_limit) of=($((RANDOM % 90 + 1))) ;;
            batch_size) of=("$batch") ;;
            seed | synthetic_seed) of=("$RANDOM") ;;
            val_seed) of=(auto "$RANDOM") ;;
            log_every) of=({0..6}) ;;
            epochs) of=(1 2 3) ;;
            augment) of=(none none "shift 2" "rotate 15, erase 0.5" "elastic 4 30, flip") ;;
            activation | output_activation | bias) # of layers that are numbers
                [[ $layers == [0-9]* ]] || continue
                [ "$name $loss" != "output_activation cross-entropy" ] || of=(identity)
                ;;
            lr) of=(0.0003) ;;
            lr_scaling) [ $((2 * batch)) -le "$limit" ] || of=(none) ;; # else it may warn
            lr_batch) of=(32 64 100) ;;
            lr_min) of=(0 0.000001) ;;
            momentum | beta1 | base_momentum) of=(0 0.6 0.9) ;;
            beta2 | max_momentum | alpha) of=(0.7 0.95 0.999) ;;
            epsilon) of=(auto 0.000001) ;;
            trust) of=(0.001 0.01) ;;
            weight_decay) of=(auto 0 0.01) ;;
            label_smoothing) of=(0 0.1) ;;
            clip_norm) of=(0 0.5) ;;
            clip_value) of=(0 0 0.003) ;;
            ema) of=(0 0 0.5 0.999) ;;
            gamma | pct_start) of=(0.1 0.3 0.7) ;;
            power) of=(0.5 1 2) ;;
            div_factor | final_div_factor) of=(3 25 1000) ;;
            warmup_epochs) [ "$schedule" = one-cycle ] && of=(0) || of=(0 0.5 1.5) ;;
            patience) [ "$val" = 0 ] && of=(0) || of=(0 0 1) ;;
            plateau_patience | checkpoint_epochs) of=(0 1) ;;
            plateau_threshold) of=(0.0001 0.5) ;;
            step_epochs | max_skips | keep) of=(1 2 5) ;;
            verify_replicas | checkpoint_steps) of=(0 0 1 3) ;;
        esac
        [ ${#of[@]} -gt 0 ] || { echo "expected values to draw for $name, found none"; return 1; }
        pick value "${of[@]}"
        case $value in
            true) settings+=("--${name//_/-}") ;;
            false) settings+=("--no-${name//_/-}") ;;
            *) settings+=("--${name//_/-}=$value") ;;
        esac
    done < <(settings_known)
}

# dist_train NP ARGUMENT...: runs it (NP 0: without mpirun) with its output in the files out and
# err, sets $status.
dist_train() {
    local launch=()
    [ "$1" = 0 ] || launch=("${launcher[@]}" -np "$1")
    shift
    status=0
    timeout -k 5 "$limit" "${launch[@]}" "$program" "$@" >out 2>err </dev/null || status=$?
}

# train NP ARGUMENT...: a run that must succeed, without a word on stderr.
train() {
    dist_train "$@"
    [ "$status" = 0 ] && [ ! -s err ] && return
    echo "dist-train $*: expected exit code 0 and no errors, found exit code $status and:"
    cat out err
    return 1
}

# refuse CODE REGEX ARGUMENT...: without mpirun and on three ranks the program must say one line on
# stderr, which the regular expression matches, exit with the code, and leave no run behind.
refuse() {
    local code=$1 regex=$2 np
    shift 2
    for np in 0 3; do
        dist_train "$np" "$@"
        [ "$status" = "$code" ] && [ "$(grep -c '^dist-train: ' err)" = 1 ] &&
            grep -qE "^dist-train: (.* )?$regex" err &&
            { [ "$np" != 0 ] || [ "$(wc -l <err)" = 1 ]; } && [ ! -e runs ] && continue
        echo "dist-train $* (np $np): expected exit code $code and one line like '$regex'," \
            "found exit code $status, $(ls -d runs 2>/dev/null || echo no runs) and:"
        cat err
        return 1
    done
}

# make_data DIR TRAIN TEST [SIDE [CLASSES]]: a small data set, see idx.py.
make_data() {
    "$python" "$top/tests/runs/idx.py" "$@"
}

# summary KEY [RUN]: a value in summary.json.
summary() {
    sed -n "s/^  \"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" "${2-run}/summary.json"
}

# metrics RUN: metrics.csv without the columns of time.
metrics() {
    cut -d, -f1-10,17,18 "$1/metrics.csv"
}

# Lines of standard input as words of one line.
words() { paste -sd' '; }

# at_least FOUND LEAST
at_least() {
    awk -v found="$1" -v least="$2" 'BEGIN { exit !(found + 0 >= least + 0) }' && return
    echo "expected at least $2, found $1"
    return 1
}
