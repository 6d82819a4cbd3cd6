#!/usr/bin/env bats
# Memory: counted before it is taken, refused in one line where it is not there, and no more taken
# than was counted.
# shellcheck disable=SC2054,SC2154 # 20,10 is one word; helpers.bash sets what seems unset

load helpers

setup() { common_setup; }
teardown() { common_teardown; }

# peak RUN: the most megabytes that a rank had, with what it shares with others.
peak() {
    "$python" - "$1/insight.h5" <<'END'
import sys, h5py
print(h5py.File(sys.argv[1])["facts"].attrs["peak memory"].decode().split()[0])
END
}

# predicted NP ARGUMENT...: the megabytes that --dry-run says of the network.
predicted() {
    dist_train "$1" "${@:2}" --dry-run
    expect "exit code" 0 "$status"
    sed -n 's/^  memory *network \([0-9]*\) MB, data .*/\1/p' out
}

# least <= value <= most
between() {
    [ "$1" -le "$2" ] && [ "$2" -le "$3" ] && return
    echo "expected $1 to $3, found $2"
    return 1
}

# Refused with a line that says what is needed and what there is, before it is taken.
refused() {
    expect "exit code" 78 "$status"
    expect "lines" 1 "$(grep -c '^dist-train: .*expected .*B of memory, found .*ulimit -d' err)"
}

@test "what does not fit is refused, by every command" {
    local hidden=(--data synthetic --layers 9000,9000,10)
    truncate -s 2G sparse
    printf '\0' >image
    ulimit -d 400000
    dist_train 1 "${hidden[@]}" --output run
    refused
    [ ! -e run ]
    dist_train 2 "${hidden[@]}" --output run
    refused
    dist_train 1 "${hidden[@]}" --dry-run
    refused
    for command in "bench --quick ${hidden[*]}" "eval --weights sparse" \
        "predict --weights sparse image" "export --weights sparse --format npz --out x.npz" \
        "import --from sparse --out x.h5" "--resume sparse --data synthetic --output run"; do
        # shellcheck disable=SC2086 # words
        dist_train 1 $command
        echo "$command"
        refused
    done
    dist_train 1 --data synthetic --layers "$(printf '1048576,%.0s' {1..63})10" --output run
    expect "exit code" 78 "$status"
    grep -q '^dist-train: a network of 681706195517[0-9]* parameters: expected at most' err
}

@test "a data set that does not fit is refused before it is read" {
    local part
    mkdir data
    for part in train t10k; do
        printf '\0\0\10\3\0\3\15\100\0\0\0\34\0\0\0\34' >data/$part-images-idx3-ubyte
        printf '\0\0\10\1\0\3\15\100' >data/$part-labels-idx1-ubyte
        truncate -s $((16 + 200000 * 784)) data/$part-images-idx3-ubyte
        truncate -s $((8 + 200000)) data/$part-labels-idx1-ubyte
    done
    ulimit -d 250000
    dist_train 1 --data data --layers 10 --output run
    refused
    grep -q 'use less of the data' err
    dist_train 1 --data data --layers 10 --output run --train-limit 1000 --test-limit 1000 \
        --epochs 1
    expect "exit code" 0 "$status"
}

@test "a rank takes what was counted: in training, in a resumed run, while it saves" {
    local all=(--data synthetic --train-limit 20 --test-limit 10 --batch-size 16 --epochs 1
        --ema 0.9)
    local wide=(--layers 8192,10) mb=26 counted base
    export MALLOC_MMAP_THRESHOLD_=131072 # what is freed is given back at once
    # Parameters, their average, gradient, two arrays of adam; while it saves, two of each but the
    # gradient, and of the best parameters; and the tiles.
    counted=$(predicted 1 "${all[@]}" "${wide[@]}" --val-fraction 0.2)
    between $((15 * mb)) "$counted" $((15 * mb + 40))
    dist_train 1 "${all[@]}" --layers 10 --output base
    base=$(peak base)
    dist_train 1 "${all[@]}" "${wide[@]}" --val-fraction 0.2 --output one
    between $((counted + base - 3 * mb)) "$(peak one)" $((counted + base + mb / 2))
    dist_train 1 --resume auto --output one --epochs 2
    expect "exit code" 0 "$status"
    between $((counted + base - 3 * mb)) "$(peak one)" $((counted + base + mb / 2))
    # Of two ranks the first has the parameters and their average, and each half of adam's arrays.
    counted=$(predicted 2 "${all[@]}" "${wide[@]}")
    between $((12 * mb)) "$counted" $((12 * mb + 40))
    dist_train 2 "${all[@]}" "${wide[@]}" --output two
    between $((counted + base - 3 * mb)) "$(peak two)" $((counted + base + mb + mb / 2))
}

@test "of a batch, what goes through the network at a time takes memory: less in parts" {
    local all=(--data synthetic --train-limit 2560 --test-limit 10 --optimizer sgd --max-steps 1
        --layers "conv 60 5x5 same, conv 60 3x3 same, avgpool all, 10" --augment "shift 1")
    local parts peaks=() counted=()
    dist_train 1 "${all[@]}" --batch-size 2560 --output run
    peaks+=("$(peak run)")
    for parts in 1 16; do
        counted+=("$(predicted 1 "${all[@]}" --batch-size 16 --accumulate $parts)")
        dist_train 1 "${all[@]}" --batch-size 16 --accumulate $parts --output run --overwrite
        peaks+=("$(peak run)")
    done
    between -1 "$((peaks[0] - peaks[1]))" 2
    local saved=$((counted[0] - counted[1]))
    between 8 $saved 20
    between $((saved / 2)) $((peaks[1] - peaks[2])) $((saved + 2)) # not all of it is ever used
}

@test "data are held once, while they are read too: raw and packed" {
    local part
    mkdir raw packed
    for part in train t10k; do
        printf '\0\0\10\3\0\2\111\360\0\0\0\34\0\0\0\34' >raw/$part-images-idx3-ubyte
        printf '\0\0\10\1\0\2\111\360' >raw/$part-labels-idx1-ubyte
        truncate -s $((16 + 150000 * 784)) raw/$part-images-idx3-ubyte
        truncate -s $((8 + 150000)) raw/$part-labels-idx1-ubyte
    done
    for part in raw/*; do gzip -1 <"$part" >"packed/${part#raw/}.gz"; done
    # Of 118 MB each rank holds half.
    for part in raw packed; do
        dist_train 2 --data "$part" --layers 10 --max-steps 1 --test-limit 100 --output "run-$part"
        expect "exit code" 0 "$status"
        between 60 "$(peak "run-$part")" 105
    done
    expect "hash" "$(summary parameter_hash run-raw)" "$(summary parameter_hash run-packed)"
}

@test "a network whose layers are wide takes tiles of fewer samples" {
    ulimit -v 2000000
    dist_train 1 --data synthetic --layers 1,1000000,1,1000000,10 --optimizer sgd --train-limit 6 \
        --test-limit 6 --max-steps 1 --output run
    expect "exit code" 0 "$status"
}
