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
lengthen() { "$python" "$top/tests/runs/make_rows.py" "$@"; }

# peak ARGUMENT...: KiB of a process of the program.
peak() { "$python" "$top/tests/runs/measure_peak.py" "$program" "$@"; }

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

# Both logs are longer than what is held of one.
@test "training and a restart: no more memory for 100000 rows than for 33000" {
    common=(--data synthetic --train-limit 500 --test-limit 60 --layers 10 --batch-size 1
        --epochs 1000 --checkpoint-epochs 0 --no-report)
    local few many
    few=$(peak "${common[@]}" --max-steps 100000 --log-every 3 --output few)
    many=$(peak "${common[@]}" --max-steps 100000 --log-every 1 --output many)
    no_more_than "KiB of the training" $((few + 4000)) "$many"
    cp many/metrics.csv before
    expect "rows" 100001 "$(wc -l <before)"
    no_more_than "bytes of a checkpoint" 3000000 "$(stat -c %s many/checkpoints/step-00100000.h5)"
    few=$(peak "${common[@]}" --max-steps 100010 --log-every 3 --resume auto --output few)
    many=$(peak "${common[@]}" --max-steps 100010 --log-every 1 --resume auto --tensorboard \
        --output many)
    no_more_than "KiB of the restart" $((few + 5000)) "$many"
    expect "rows and that of the end" 100012 "$(wc -l <many/metrics.csv)"
    head -n 100001 many/metrics.csv | cmp - before
    train 1 "${common[@]}" --max-steps 100020 --log-every 1 --resume many/checkpoints/*100010.h5 \
        --output elsewhere
    head -n 100001 elsewhere/metrics.csv | cmp - before
    printf x | dd of=many/metrics.csv bs=1 seek=5000 conv=notrunc status=none
    dist_train 1 "${common[@]}" --max-steps 100020 --log-every 1 --resume auto --output many
    expect "exit code" 0 "$status"
    grep -q 'many/metrics.csv: expected the [0-9]* bytes that it began with.*found others' err
    expect "the damaged file" 100012 "$(wc -l <many/metrics.csv.damaged)"
    expect "the last step" 100020 "$(tail -n 1 many/metrics.csv | cut -d, -f2)"
    expect "the columns" "$(head -n 1 before)" "$(head -n 1 many/metrics.csv)"
}
