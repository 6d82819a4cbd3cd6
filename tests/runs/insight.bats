#!/usr/bin/env bats
# What a run tells at its end: insight.h5 and report.html.
# shellcheck disable=SC2030,SC2031,SC2054,SC2154 # 20,10 is one word; helpers.bash sets status, work

load helpers

setup() { common_setup; }
teardown() { common_teardown; }

# A network that learns a little: more than 60 mistakes.
few=(--data data --layers 12,10 --batch-size 32 --virtual-ranks 8)
data=("${few[@]}" --epochs 2)

insight() { "$python" "$top/tests/runs/check_insight.py" "$@"; }

@test "answers and mistakes are what NumPy computes, and the same on 1, 2, 3 and 8 ranks" {
    make_data data 300 700
    local np
    for np in 0 2 3 8; do
        train "$np" "${data[@]}" --val-fraction 0.2 --output "run$np"
        insight same run0 "run$np"
    done
    insight answers run8 data test
    expect "objects, step" "answers facts mistakes time 16" "$(insight has run8)"
    "$program" eval --weights run8/weights.h5 >out
    grep -q "loss $(sed -n 's/^  test  .* loss \([0-9.]*\), .*/\1/p' \
        <("$program" inspect run8/insight.h5)) " out
}

@test "mistakes of the validation samples where there is no test set; few of few" {
    make_data data 150 90
    train 0 "${data[@]}" --split random --val-fraction 0.4 --output pool
    train 3 "${data[@]}" --split random --val-fraction 0.4 --output pool3
    insight answers pool data pool
    insight same pool pool3
    train 0 "${few[@]}" --test-limit 5 --epochs 1 --output few
    train 8 "${few[@]}" --test-limit 5 --epochs 1 --output few8
    insight same few few8
    "$program" inspect few/insight.h5 >out
    at_least 5 "$(sed -n 's/^  pictures  \([0-9]*\) mistakes.*/\1/p' out)"
}

@test "samples of equal loss are told in the order of the file" {
    make_data data 30 200
    # Black images without biases: all outputs are zero, every answer is class 0, with one loss.
    gunzip -c data/t10k-images-idx3-ubyte.gz | head -c 16 >data/t10k-images-idx3-ubyte
    head -c $((200 * 784)) /dev/zero >>data/t10k-images-idx3-ubyte
    gunzip data/t10k-labels-idx1-ubyte.gz
    rm data/t10k-images-idx3-ubyte.gz
    local expected np
    expected=$(tail -c +9 data/t10k-labels-idx1-ubyte | od -An -v -w1 -tu1 |
        awk '$1 != 0 { print NR - 1 }' | head -n 60 | words)
    for np in 0 3 8; do
        train "$np" "${data[@]}" --no-bias --activation relu --max-steps 0 --output "run$np"
        expect "mistakes" "$expected" "$(insight samples "run$np")"
    done
}

@test "tracked samples are told, on any number of ranks and after restarts" {
    make_data data 300 80
    train 0 "${data[@]}" --track-samples --output run
    train 3 "${data[@]}" --track-samples --output run3
    insight same run run3
    train 2 "${data[@]}" --track-samples --max-steps 7 --output pieces
    train 3 "${data[@]}" --track-samples --resume auto --output pieces
    insight same run pieces
    expect "objects, step" "answers facts hardest mistakes time tracked 20" \
        "$(insight has run | sed 's/ doubtful//')"
    "$program" inspect run/insight.h5 >out
    grep -q ' 60 hardest, ' out
}

@test "images drawn anew are told, on any number of ranks and after restarts" {
    make_data data 300 80
    local augment=("${data[@]}" --augment "shift 2, rotate 15, elastic 4 20") np
    for np in 0 3 8; do
        train "$np" "${augment[@]}" --output "run$np"
        insight augmented "run$np" data 6 8
        insight same run0 "run$np"
    done
    train 2 "${augment[@]}" --max-steps 7 --output pieces
    insight augmented pieces data 6 8
    train 3 "${augment[@]}" --resume auto --output pieces
    insight same run0 pieces
    expect "objects, step" "answers augmented facts mistakes time 20" "$(insight has run0)"
    "$program" inspect run0/insight.h5 >out
    grep -q '^  pictures  .*, 54 augmented$' out
    train 2 "${augment[@]}" --train-limit 3 --output few
    expect "pictures" 27 "$("$program" inspect few/insight.h5 |
        sed -n 's/.* \([0-9]*\) augmented/\1/p')"
    train 2 "${augment[@]}" --no-report --output none
    [ ! -e none/insight.h5 ]
}

@test "facts are told, of this machine and of this run, and nothing of the environment" {
    make_data data 100 50
    SECRET=xyzzy SLURM_JOB_ID=4711 train 3 "${data[@]}" --output "a run"
    expect "ending" complete "$(insight fact "a run" ending)"
    expect "hash" "$(summary parameter_hash "a run")" "$(insight fact "a run" parameter_hash)"
    expect "samples" "100 training, 50 test" "$(insight fact "a run" samples)"
    expect "ranks" "3 on 1 host, 8 virtual ranks" "$(insight fact "a run" ranks)"
    expect "hosts" "$(uname -n) $(uname -n) $(uname -n)" "$(insight hosts "a run")"
    expect "job" 4711 "$(insight fact "a run" "Slurm job")"
    expect "command" "$program ${data[*]} --output 'a run'" "$(insight fact "a run" command)"
    local name
    for name in started ended fingerprint\ of\ the\ data processors peak\ memory dist-train system \
        MPI HDF5 compiler; do
        [ -n "$(insight fact "a run" "$name")" ] || expect "$name" "a fact" none
    done
    expect "secrets" 0 "$(grep -c xyzzy "a run/insight.h5" || true)"
    train 0 "${data[@]}" --max-steps 1 --output "a run" --overwrite
    train 2 "${data[@]}" --resume auto --output "a run"
    expect "resumed" "a run/checkpoints/step-00000001.h5" "$(insight fact "a run" "resumed from")"
    expect "job" "" "$(insight fact "a run" "Slurm job")"
}

@test "--max-steps 0 tells of the initial network; --no-report tells nothing" {
    make_data data 100 90
    train 3 "${data[@]}" --max-steps 0 --output zero
    insight answers zero data test
    train 2 "${few[@]}" --epochs 1 --no-report --output none
    [ ! -e none/insight.h5 ]
    grep -qx 'report = false' none/config.ini
    train 2 "${few[@]}" --epochs 3 --resume auto --output none
    [ ! -e none/insight.h5 ]
    train 2 "${few[@]}" --epochs 4 --report --resume auto --output none
    insight answers none data test
}

@test "a run that is stopped tells of its last epoch, and of none in the first" {
    make_data data 300 200
    local many=(--data data --layers 12,10 --batch-size 1 --epochs 100000) np launch ending
    for np in 0 3; do
        launch=()
        [ "$np" = 0 ] || launch=("${launcher[@]}" -np "$np")
        "$python" - <<'END' "${launch[@]}" "$program" "${many[@]}" --output "run$np"
import os, signal, subprocess, sys, time
command = sys.argv[1:]
run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=open("err", "w"))
metrics = command[-1] + "/metrics.csv"
while run.poll() is None and not (os.path.exists(metrics) and len(list(open(metrics))) > 2):
    time.sleep(0.01)
run.send_signal(signal.SIGUSR1)
code = run.wait(30)
assert code == 75, (code, open("err").read())
END
        # mpirun signals one rank after the other: another may be asked a step before rank 0 is.
        ending=$(insight fact "run$np" ending)
        [ "$np" = 0 ] || ending=${ending/a signal to another rank/SIGUSR1}
        expect "ending" "stopped by SIGUSR1" "$ending"
        expect "status" stopped "$(summary status "run$np")"
        expect "rows and step" "$(tail -n 1 "run$np/metrics.csv" | cut -d, -f2)" \
            "$(insight has "run$np" | sed 's/.* //')"
    done
    mkdir early
    : >early/stop
    dist_train 0 "${many[@]}" --max-time 0.00001 --output early
    expect "exit code" 75 "$status"
    expect "objects, step" "facts time 0" "$(insight has early)"
}

@test "a training that diverges tells why" {
    dist_train 3 --data synthetic --train-limit 300 --test-limit 50 --layers 10 --optimizer sgd \
        --lr 1000 --weight-decay 1000 --epochs 9 --output run
    expect "exit code" 65 "$status"
    insight fact run ending | grep -q '^failed: .*diverged'
    expect "status" failed "$(summary status)"
}

# unwritable FILE NP ARGUMENT...: trains, and FILE of the run cannot be created.
unwritable() {
    DT_FAULT_DIR=$work DT_FAULT_MATCH=$1 DT_FAULT_KIND=EIO DT_FAULT_CALL=1 \
        LD_PRELOAD=${FAULTS:-$top/build/faults/shim.so} dist_train "${@:2}"
}

@test "insight.h5 that cannot be written: a line, exit code 73, and nothing else is lost" {
    make_data data 100 50
    train 0 "${data[@]}" --output good
    local np
    for np in 0 2; do
        unwritable insight.h5 "$np" "${data[@]}" --output "run$np"
        expect "exit code" 73 "$status"
        expect "lines" 1 "$(grep -c '^dist-train: .*/insight.h5: ' err)"
        grep -q "^warning: run$np/insight.h5: " "run$np/log.txt"
        expect "status" failed "$(summary status "run$np")"
        cmp good/weights.h5 "run$np/weights.h5"
        good_checkpoints "run$np"
        train "$np" "${data[@]}" --resume auto --output "run$np"
        insight same good "run$np"
        expect "status" complete "$(summary status "run$np")"
    done
}

@test "report.html that cannot be written: likewise; of a run that is stopped, only a warning" {
    make_data data 100 50
    unwritable report.html 2 "${data[@]}" --output run
    expect "exit code, lines" "73 1" "$status $(grep -c '^dist-train: run/report.html: ' err)"
    expect "status" failed "$(summary status)"
    good_checkpoints run
    insight answers run data test
    unwritable report.html 0 "${few[@]}" --epochs 100000 --max-time 0.0001 --resume auto \
        --output run
    expect "exit code, warnings" "75 1" "$status $(grep -c '^warning: run/report.html: ' err)"
    expect "status" stopped "$(summary status)"
    train 0 "${few[@]}" --epochs 100000 --max-steps "$(($(summary steps) + 3))" --resume auto \
        --output run
    grep -q '</html>' run/report.html
    expect "status" complete "$(summary status)"
}

@test "killed after all but report.html: going on writes it, and then all is said" {
    make_data data 100 50
    train 0 "${data[@]}" --output run
    rm run/report.html
    : >run/.report.html.0123456789abcdef.tmp
    cp run/summary.json before.json
    train 2 "${data[@]}" --resume auto --output run
    grep -q '</html>' run/report.html
    [ ! -e run/.report.html.0123456789abcdef.tmp ]
    expect "hash" "$(sed -n 's/^  "parameter_hash": //p' before.json)" \
        "$(sed -n 's/^  "parameter_hash": //p' run/summary.json)"
    insight answers run data test
    train 0 "${data[@]}" --resume auto --output run
    grep -q '^run is complete' out
}

@test "a disk that is full at the very end: checkpoint and weights are good, the rest comes later" {
    make_data data 100 400
    # What comes before insight.h5 has room (2.2 MB), and it has not.
    # shellcheck disable=SC2016
    local script='mount -t tmpfs -o size=2100k tmpfs "$1" || exit 99; shift
        timeout -k 5 "$limit" "$@" >out 2>err </dev/null; echo $? >code
        mount -o remount,size=8m "$PWD/disk"; cp -r disk/run cut
        timeout -k 5 "$limit" "$@" --resume auto >out2 2>err2 </dev/null; echo $? >code2
        cp -r disk/run run'
    mkdir disk
    unshare -rm bash -c "$script" - disk "$program" --data data --layers 150,10 --epochs 1 \
        --output disk/run 2>why || true
    [ -f code ] || skip "no file system can be mounted here: $(head -n 1 why)"
    cat err err2
    expect "exit code" 74 "$(<code)"
    grep -q '^dist-train: disk/run/insight.h5: .*No space left on device' err
    expect "status" failed "$(summary status cut)"
    good_checkpoints cut
    cmp cut/weights.h5 run/weights.h5
    expect "exit code" 0 "$(<code2)"
    insight answers run data test
}

# good_checkpoints RUN
good_checkpoints() {
    dist_train 0 inspect "$1"/checkpoints/step-*.h5 "$1/weights.h5"
    expect "exit code of inspect" 0 "$status"
    grep -q '/weights.h5: a weights file, good' out
    grep -q '/checkpoints/step-.*: a checkpoint, good' out
}

@test "inspect says what insight.h5 is, and what is wrong with it" {
    make_data data 100 50
    train 0 "${data[@]}" --output run
    "$program" inspect run >out
    grep -q '^run/insight.h5: an insight file, well-formed: what a run knew at its end$' out
    grep -q '^  ending: complete' out
    printf 'dist-train insight 7' | dd of=run/insight.h5 bs=1 conv=notrunc status=none \
        seek="$(grep -abo 'dist-train insight 1' run/insight.h5 | head -n 1 | cut -d: -f1)"
    dist_train 0 inspect run
    expect "exit code" 65 "$status"
    grep -q "^dist-train: run/insight.h5: .*expected 'dist-train insight 1', found" err
}
