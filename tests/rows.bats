#!/usr/bin/env bats
# metrics.csv of long runs: memory and reading do not grow with its rows.
# shellcheck disable=SC2154 # helpers.bash sets what seems unset

load helpers

setup() {
    common_setup
    common=(--data synthetic --train-limit 500 --test-limit 60 --batch-size 50 --layers 10)
}

teardown() {
    [ ! -v processes ] || kill -9 "${processes[@]}" 2>/dev/null || true
    common_teardown
}

# lengthen RUN ROWS
lengthen() { "$python" "$top/tests/many_rows.py" "$@"; }

# peak ARGUMENT...: KiB of a process of the program.
peak() { "$python" "$top/tests/peak.py" "$program" "$@"; }

# no_more_than WHAT MOST FOUND
no_more_than() {
    [ "$3" -le "$2" ] && return
    echo "$1: expected at most $2, found $3"
    return 1
}

# Both lengths are beyond what is kept of a line as it is.
@test "report and watch: no more memory for 200000 rows than for 10000" {
    train 1 "${common[@]}" --epochs 3 --val-fraction 0.2 --log-every 1 --output run
    cp -r run long
    lengthen run 10000
    lengthen long 200000
    rm run/summary.json long/summary.json
    local command few
    for command in report watch; do
        few=$(peak "$command" run)
        no_more_than "KiB of $command" $((few + 4000)) "$(peak "$command" long)"
    done
}

@test "watch reads at each look what is new" {
    "$program" "${common[@]}" --epochs 1000000 --log-every 1000 --output run >/dev/null 2>&1 \
        </dev/null &
    local run=$! watcher before after rows=30000
    processes=("$run")
    until [ "$(wc -l <run/metrics.csv)" -gt 5 ]; do sleep 0.05; done 2>/dev/null
    kill -STOP "$run"
    lengthen run "$rows"
    "$program" watch run >watched 2>err </dev/null &
    watcher=$!
    processes+=("$watcher")
    until [ "$(wc -l <watched)" = "$rows" ]; do sleep 0.05; done
    sleep 1.2 # a look
    before=$(sed -n 's/^rchar: //p' "/proc/$watcher/io")
    tail -n 1 run/metrics.csv >row
    cat row >>run/metrics.csv
    until [ "$(wc -l <watched)" = $((rows + 1)) ]; do sleep 0.05; done
    after=$(sed -n 's/^rchar: //p' "/proc/$watcher/io")
    no_more_than "bytes read for a row" 20000 $((after - before))
}
