#!/usr/bin/env bats
# --tensorboard: event files that say what metrics.csv says. check_tensorboard.py reads them.
# shellcheck disable=SC2154 # helpers.bash sets what seems unset

load helpers

setup() {
    common_setup
    common=(--data synthetic --train-limit 500 --test-limit 60 --batch-size 50 --layers 10)
}

teardown() {
    common_teardown
}

# check VALUES RUN: the events are those of metrics.csv, so many values.
check() {
    local found
    found=$("$python" "$top/tests/runs/check_tensorboard.py" "${@:2}")
    expect "values" "$1" "$found"
}

@test "every value of every row, and train, val, test in one chart" {
    train 2 "${common[@]}" --epochs 3 --val-fraction 0.2 --log-every 3 --tensorboard --output run
    # 8 steps an epoch: a row after 3, 6, 9, 12, 15, 18, 21 with 5 values; after 8, 16, 24 with 13
    check 74 run
    train 1 "${common[@]}" --epochs 2 --tensorboard --output no-val
    check 22 no-val
    train 1 "${common[@]}" --max-steps 0 --tensorboard --output initial
    [ -d initial/tensorboard/test ] && [ ! -e initial/tensorboard/val ]
    grep -q '^tensorboard = true' run/config.ini
    train 1 "${common[@]}" --epochs 1 --output without
    [ ! -e without/tensorboard ]
}

@test "a run that goes on: what was written after its checkpoint is not shown" {
    train 1 "${common[@]}" --epochs 6 --log-every 1 --tensorboard --output run
    rm run/checkpoints/step-0000006*.h5 run/checkpoints/step-0000005*.h5
    newest=$(ls run/checkpoints)
    expect "the checkpoint to go on from" step-00000040.h5 "$newest"
    dist_train 1 "${common[@]}" --epochs 6 --resume auto --lr 0.01 --output run
    expect "exit code" 0 "$status"
    check 336 run
    train 1 "${common[@]}" --epochs 7 --resume auto --output run
    check 392 run
}

@test "the row of an end by --max-steps, which a longer run has not" {
    train 1 "${common[@]}" --epochs 3 --max-steps 15 --tensorboard --output run
    train 1 "${common[@]}" --epochs 3 --resume auto --output run
    check 33 run
}

@test "switched on when a run goes on: from its first row" {
    train 1 "${common[@]}" --epochs 2 --output run
    train 1 "${common[@]}" --epochs 3 --resume auto --tensorboard --output run
    check 33 run
}

@test "--overwrite removes the events of the run before" {
    train 1 "${common[@]}" --epochs 2 --tensorboard --output run
    dist_train 1 "${common[@]}" --epochs 1 --tensorboard --output run
    expect "exit code without --overwrite" 73 "$status"
    train 1 "${common[@]}" --epochs 1 --tensorboard --overwrite --output run
    check 11 run
    train 1 "${common[@]}" --epochs 1 --overwrite --output run
    [ ! -e run/tensorboard ]
}

@test "a disk that is full for TensorBoard: a warning, and the run goes on" {
    unshare -m sh -c 'mount -t tmpfs -o size=1m tmpfs /mnt' 2>/dev/null ||
        skip "nothing can be mounted here"
    mkdir -p run/tensorboard
    local status=0
    # Room for the first events only: a page a file.
    unshare -m sh -c "mount -t tmpfs -o size=8k tmpfs run/tensorboard && exec timeout -k 5 $limit \
        $program ${common[*]} --epochs 4 --log-every 1 --tensorboard --output run" \
        >out 2>err </dev/null ||
        status=$?
    expect "exit code" 0 "$status"
    expect "warnings" "1 1" "$(grep -c 'run/tensorboard/train/.*No space left.*goes on' err) \
$(grep -c . err)"
    expect "status" complete "$(summary status run)"
    expect "rows" 40 "$(tail -n +2 run/metrics.csv | wc -l)"
}

@test "a directory that cannot be made: exit code 73, before the training" {
    mkdir run
    : >run/tensorboard
    dist_train 1 "${common[@]}" --epochs 1 --tensorboard --output run
    expect "exit code" 73 "$status"
    grep -q '^dist-train: run/tensorboard: expected a directory of a run' err
}
