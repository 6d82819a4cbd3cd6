#!/usr/bin/env bats
# dist-train watch: runs seen from outside. check_watch.py has the terminal.
# shellcheck disable=SC2154 # helpers.bash sets what seems unset

load helpers

setup() {
    common_setup
    common=(--data synthetic --train-limit 500 --test-limit 60 --batch-size 50 --layers 10)
}

teardown() {
    common_teardown
}

# state CODE REGEX RUN...: watch ends at once with the code; its last line matches.
state() {
    dist_train 0 watch "${@:3}"
    expect "exit code" "$1" "$status"
    tail -n 1 out | grep -qE "$2" && return
    echo "expected '$2', found:"
    cat out err
    return 1
}

# seen RUN: all that the directory says of itself, but for the times of reading.
seen() {
    find "$1" -printf '%p %y %m %s %T@ %C@ %i\n' | sort
    cat "$1"/metrics.csv "$1"/lock
}

# same_epochs: the lines of epochs are those in ./trained; the speed was rounded twice on its way.
same_epochs() {
    grep '^epoch' out >watched
    diff <(sed -E 's/[0-9]+ samples/samples/' trained) <(sed -E 's/[0-9]+ samples/samples/' watched)
    paste trained watched | awk '{ d = $(NF / 2 - 1) - $(NF - 1); if (d < -1 || d > 1) exit 1 }'
}

@test "the lines of watch are those of the training" {
    train 2 "${common[@]}" --epochs 3 --val-fraction 0.2 --output run
    grep '^epoch' out >trained
    state 0 '^run: complete: 24 steps in 0:' run
    same_epochs
    expect "lines" 4 "$(wc -l <out)"
    "${launcher[@]}" -np 2 "$program" watch run/ </dev/null >out
    same_epochs
    train 1 "${common[@]}" --epochs 1
    state 0 '^runs/[0-9-]*: complete: 10 steps'
}

@test "from before a run's first file to its end: each row once" {
    timeout -k 5 "$limit" "$program" watch run >watched 2>err </dev/null &
    local watcher=$!
    until grep -q 'run: waiting for the run to begin' watched; do sleep 0.05; done
    train 2 "${common[@]}" --epochs 400 --log-every 7 --output run
    wait "$watcher"
    expect "rows" "$(tail -n +2 run/metrics.csv | cut -d, -f2)" \
        "$(sed -n 's/^epoch .* step \([0-9]*\) .*/\1/p' watched)"
    grep -q '^run: complete: 4000 steps' watched
}

@test "how a run has ended is the exit code" {
    train 1 "${common[@]}" --epochs 1 --output run
    sed -i 's/"complete"/"failed"/' run/summary.json
    state 70 '^run: failed' run
    dist_train 1 "${common[@]}" --epochs 1000000 --max-time 0.001 --output stopped
    expect "exit code" 75 "$status"
    state 75 '^stopped: stopped: --resume auto' stopped
    "$program" --resume auto --max-time 0 --output stopped >/dev/null 2>&1 </dev/null &
    until [ -e stopped/lock ] && [ ! -e stopped/summary.json ]; do sleep 0.02; done
    kill -9 %1
    wait %1 || true
    state 71 '^stopped: died: ended without a summary' stopped
    dist_train 1 --resume auto --max-time 0.001 --output stopped
    state 75 '^stopped: stopped: --resume auto' stopped
    "$program" "${common[@]}" --epochs 1000000 --output killed >/dev/null 2>&1 </dev/null &
    until grep -qs '^1,' killed/metrics.csv; do sleep 0.05; done
    kill -9 %1
    wait %1 || true
    state 71 '^killed: died: ended without a summary' killed
    rm killed/lock
    state 71 '^killed: died' killed
    expect "lines on waiting" 0 "$(grep -c waiting out)"
    state 75 '^killed: died' stopped killed
    printf nonsense >stopped/summary.json
    dist_train 0 watch stopped
    expect "exit code" 65 "$status"
    grep -q '^dist-train: stopped/summary.json:1: expected a JSON object' err
}

@test "a run cannot tell that it is watched" {
    "$program" "${common[@]}" --epochs 1000000 --log-every 1000 --output run >/dev/null 2>&1 \
        </dev/null &
    until grep -qs '^1,' run/metrics.csv; do sleep 0.05; done
    kill -STOP %1
    sleep 0.2
    seen run >before
    dist_train_for 3 watch run
    grep -q '^epoch' out
    diff before <(seen run)
    if strace -o /dev/null true 2>/dev/null; then
        timeout 3 strace -f -e trace=file -o calls "$program" watch run >out 2>&1 </dev/null || true
        grep -q 'run/metrics.csv' calls
        expect "calls that write" "" "$(grep -E '"run(/|")' calls |
            grep -E 'O_WRONLY|O_RDWR|O_CREAT|mkdir|unlink|rename|link\(|utime|chmod|truncate')"
    fi
    kill -CONT %1
    kill -9 %1
    wait %1 || true
    seen run >before
    state 71 died run
    diff before <(seen run)
}

# Runs the program for so many seconds.
dist_train_for() {
    timeout "$1" "$program" "${@:2}" >out 2>err </dev/null || true
}

@test "what is no run is one line" {
    refuse 66 'runs/latest: no run: ' watch
    mkdir -p notes empty
    : >notes/a.txt
    refuse 66 'notes: expected a run directory, found a directory without files' watch notes
    refuse 66 'notes/a.txt: expected a run directory, found a file' watch notes/a.txt
    refuse 66 "'': expected the path" watch ''
    refuse 64 '--epochs: expected with the command' watch --epochs 3
    dist_train_for 2 watch empty
    expect "said" "empty: waiting for the run to begin" "$(cat out err)"
    train 1 "${common[@]}" --epochs 1 --output run
    dist_train_for 2 watch rum
    expect "said" "rum: waiting for the run to begin; runs beside it: run" "$(cat out err)"
    echo 1,2 >>run/metrics.csv
    refuse 65 'run/metrics.csv: line 3: expected' watch run
}

@test "a run that goes on: the rows after its checkpoint once more" {
    "$program" "${common[@]}" --epochs 1000000 --output run >/dev/null 2>&1 </dev/null &
    until [ -e run/checkpoints ] && [ "$(wc -l <run/metrics.csv)" -gt 5 ]; do sleep 0.05; done
    kill -STOP %1
    timeout -k 5 "$limit" "$program" watch run >watched 2>err </dev/null &
    local watcher=$! rows
    until grep -q ^epoch watched; do sleep 0.05; done
    kill -CONT %1
    sleep 1.5
    : >run/stop
    wait %1 || true
    wait "$watcher" || true
    rows=$(sed -n 's/^epoch .* step \([0-9]*\) .*/\1/p' watched)
    expect "rows" "$(tail -n +2 run/metrics.csv | cut -d, -f2)" "$rows"
}

screen() { timeout -k 5 100 "$python" "$top/tests/runs/check_watch.py" "$program" "$1"; }

@test "in a terminal: a live run, from waiting to its end" { screen live; }
@test "in a terminal: signals give it back as it was" { screen signals; }
@test "in a terminal: windows of any size" { screen sizes; }
@test "in a terminal: without colours, UTF-8, sequences" { screen plain-characters; }
