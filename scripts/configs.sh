#!/usr/bin/env bash
# What a config comes to: test accuracy over seeds, and time.
set -euo pipefail
shopt -s inherit_errexit

usage() {
    cat <<'EOT'
Usage: scripts/configs.sh [--np N] [--seeds "SEED ..."] [--keep DIR] [CONFIG...] [-- OPTION...]

Trains each config once a seed, on N ranks, and prints rows for the table of configs/README.md: the
network's parameters; mean, least and most of the test accuracies; that of all seeds together (eval
of several weights files); and the mean time from the start of mpirun to its end.

CONFIG is NAME, for configs/NAME.ini, or a path with a slash. Without CONFIG: the rows of that
table, mnist, lenet5, mlp-800, tiny, conv and speedrun, which take two hours on two cores.

Options behind -- are for dist-train. With --val-fraction F, accuracies are those of the validation
samples alone, by which settings are chosen. Each seed holds out samples of its own; with
--val-seed N all seeds hold out the same, and there is an accuracy of all together.

  --np N             ranks (default 2)
  --seeds "1 2 3"    seeds, with blanks between (default "1 2 3 4 5")
  --keep DIR         keep the runs as DIR/NAME-SEED, in place of what is there (for
                     eval --weights DIR/NAME-*/weights.h5)
  --help             show this text

Environment: DIST_TRAIN_DATA: a directory with MNIST-type files (else data/mnist).
Exit code: 0, 64 wrong usage, 66 no such config or no data, 70 a run failed.
EOT
}

fail() {
    printf 'configs: %s\n' "$1" >&2
    exit "$2"
}

np=2 seeds="1 2 3 4 5" keep='' configs=() names=() options=()
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage && exit ;;
        --np | --seeds | --keep)
            [ $# -ge 2 ] || fail "$1: expected a value (--help says what there is)" 64
            declare "${1#--}=$2"
            shift
            ;;
        --)
            options=("${@:2}")
            break
            ;;
        -*) fail "unknown option $1 (--help says what there is)" 64 ;;
        *) configs+=("$1") ;;
    esac
    shift
done
[[ $np =~ ^[1-9][0-9]*$ ]] || fail "--np: expected a number of ranks from 1, found '$np'" 64
[[ $seeds =~ ^[0-9\ ]*[0-9][0-9\ ]*$ ]] ||
    fail "--seeds: expected numbers with blanks between, found '$seeds'" 64
[ ${#configs[@]} -gt 0 ] || configs=(mnist lenet5 mlp-800 tiny conv speedrun)
top=$(dirname -- "$(dirname -- "$(realpath -- "${BASH_SOURCE[0]}")")")
program=$top/dist-train
declare -A file_of
for config in "${configs[@]}"; do
    name=${config##*/}
    name=${name%.ini}
    [[ $config == */* ]] || config=$top/configs/$name.ini
    [ -f "$config" ] || fail "$config: no such file" 66
    [ -z "${file_of[$name]-}" ] || fail "two configs of the name $name: their rows would be one" 64
    file_of[$name]=$config
    names+=("$name")
done
if [ -n "$keep" ]; then
    mkdir -p -- "$keep" 2>/dev/null || fail "--keep: $keep: cannot make this directory" 64
    keep=$(realpath -- "$keep")
fi
[ -n "${DIST_TRAIN_DATA-}" ] || [ ! -d "$top/data/mnist" ] || export DIST_TRAIN_DATA=$top/data/mnist
. "$top/scripts/ranks.sh"
find_launcher "$program"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# look_for_data NAME: rows are of MNIST, or of the data that one asks for.
look_for_data() {
    "$program" --config "${file_of[$1]}" --dry-run ${options[@]+"${options[@]}"} \
        >/dev/null 2>"$work/errors" || fail "$1: $(<"$work/errors")" 70
    ! grep -q '^no MNIST here' "$work/errors" ||
        fail "no MNIST here: run scripts/get-mnist.sh, or set DIST_TRAIN_DATA, or give -- --data" 66
}

# one_run NAME SEED: a line: accuracy (of validation samples, if there are any), nanoseconds,
# parameters.
one_run() {
    local begin end accuracy run=${keep:-$work}/$1-$2
    begin=$(date +%s%N)
    ranks "$np" "$program" --config "${file_of[$1]}" --seed "$2" --output "$run" --overwrite \
        ${options[@]+"${options[@]}"} >"$work/out" 2>"$work/errors" ||
        fail "$1, seed $2: $(grep -m 1 '^dist-train: ' "$work/errors" || cat "$work/errors")" 70
    end=$(date +%s%N)
    [ -f "$run/summary.json" ] || fail "$1, seed $2: '${options[*]}' trains nothing" 64
    accuracy=$(sed -n 's/^  "\(val\|test\)_accuracy": \([0-9.]*\),/\2/p' "$run/summary.json")
    printf '%s %s %s\n' "${accuracy%%$'\n'*}" $((end - begin)) \
        "$(sed -n 's/^  network .* \([0-9]*\) parameters$/\1/p' "$work/out")"
}

# together NAME: the accuracy of the runs of all seeds together; none if each holds out validation
# samples of its own.
together() {
    local seed files=() split=test
    for seed in $seeds; do
        files+=("${keep:-$work}/$1-$seed/weights.h5")
    done
    if grep -q '"val_accuracy": [0-9]' "${files[0]%/*}/summary.json"; then
        ! grep -q '^val_seed = auto' "${files[0]%/*}/config.ini" || return 0
        split='val'
    fi
    "$program" eval --weights "${files[@]}" --split "$split" >"$work/out" 2>"$work/errors" ||
        fail "$1: $(<"$work/errors")" 70
    sed -n 's/^loss .* accuracy \([0-9.]*\) .*/\1/p' "$work/out"
}

for config in "${names[@]}"; do
    look_for_data "$config"
done
echo "| config | parameters | mean | least | most | together | seconds | seeds |"
echo "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
for config in "${names[@]}"; do
    for seed in $seeds; do
        one_run "$config" "$seed"
    done >"$work/rows"
    all=$(together "$config")
    awk -v name="${file_of[$config]##*/}" -v seeds="$seeds" -v all="$all" '
        { a = 100 * $1; sum += a; time += $2 / 1e9; count = $3 }
        NR == 1 { least = most = a }
        { least = a < least ? a : least; most = a > most ? a : most }
        END { printf "| `%s` | %d | %.2f %% | %.2f %% | %.2f %% | %s | %.1f | %s |\n",
              name, count, sum / NR, least, most, all == "" ? "" : sprintf("%.2f %%", 100 * all),
              time / NR, seeds }' "$work/rows"
done
