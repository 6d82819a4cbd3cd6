#!/usr/bin/env bats
# Laws of runs, under mpirun: the same bits on any number of ranks, every sample once an epoch, a
# run directory that tells all and can be repeated.
# shellcheck disable=SC2054,SC2154 # 20,10 is one word; helpers.bash sets what seems unset

load helpers

setup() { common_setup; }
teardown() { common_teardown; }

# Small and quick; on the synthetic digits.
small=(--data synthetic --train-limit 300 --test-limit 50 --layers 20,10)
two=("${small[@]}" --epochs 2)

# bits V NP ARGUMENT...: a run of V virtual ranks on NP ranks into the directory V-NP; one warning
# of ranks that wait is allowed, and asked for, where there are more ranks. Each number of ranks
# works its batches off in another number of parts.
bits() {
    local v=$1 np=$2 waiting
    dist_train "$np" --data synthetic --virtual-ranks "$v" "${@:3}" --accumulate $((np * np)) \
        --output "$v-$np" --overwrite
    waiting="$((np - v)) of the $np ranks only evaluate.* --virtual-ranks $np gives"
    [ "$np" -le "$v" ] || sed -i "1{/^warning: $waiting/d; s/^/no /}" err
    [ "$status" = 0 ] && [ ! -s err ] && return
    echo "np $np: expected exit code 0 and no errors, found exit code $status and:"
    cat out err
    return 1
}

# same_bits V "NP..." ARGUMENT...: parameters and metrics depend on the number of virtual ranks, not
# on that of ranks, fewer or more.
same_bits() {
    local v=$1 np
    echo "dist-train --virtual-ranks $v ${*:3} (np $2)"
    rm -rf ./*-*
    bits "$v" 1 "${@:3}"
    for np in $2; do
        bits "$v" "$np" "${@:3}"
        expect "ranks" "$np $v" "$(summary ranks "$v-$np") $(summary virtual_ranks "$v-$np")"
        diff <(metrics "$v-1") <(metrics "$v-$np")
        expect "np $np: hash" "$(summary parameter_hash "$v-1")" \
            "$(summary parameter_hash "$v-$np")"
        "$python" "$top/tests/runs/check_insight.py" same "$v-1" "$v-$np"
    done
}

@test "same bits at np 1, 2, 3, 4, 8: adam, a ragged last batch" {
    same_bits 8 "2 3 4 8" --train-limit 1999 --test-limit 501 --batch-size 97 --epochs 2
}

@test "same bits: more ranks than samples in a batch, shuffled by shard, validation" {
    same_bits 8 "2 3 4 8" --train-limit 101 --test-limit 7 --batch-size 3 --epochs 2 \
        --shuffle shard --optimizer sgd --val-fraction 0.1 --layers 20,10
}

@test "same bits: batches of one, bce, in the order of the file" {
    same_bits 8 "2 3 4 8" --train-limit 37 --test-limit 20 --batch-size 1 --epochs 2 \
        --shuffle none --optimizer sgd --lr 0.1 --loss bce --log-every 1
}

@test "same bits: fewer samples than ranks" {
    same_bits 8 "2 3 4 8" --train-limit 5 --test-limit 3 --epochs 3 --layers 20,10
}

@test "same bits: 1, 2 and 3 virtual ranks on fewer and on more ranks, 1 to 5 and 8" {
    local few
    for few in 1 2 3; do
        same_bits "$few" "2 3 4 5 8" --train-limit 300 --test-limit 50 --layers 20,10 --epochs 2 \
            --batch-size 17 --val-fraction 0.1 --track-samples \
            --shuffle "$(printf 'global\nshard\nnone\n' | sed -n "${few}p")"
    done
}

@test "same bits: clipped, of few parameters and of more than ranks have copies of" {
    local layers
    for layers in 20,10 1400,10; do
        same_bits 3 "2 3" --train-limit 90 --test-limit 20 --layers "$layers" --batch-size 30 \
            --epochs 1 --clip-norm 0.5 --ema 0.5 --log-every 1
    done
}

@test "same bits: norms of tensors, of few parameters and of more than ranks have copies of" {
    local layers optimizer
    for layers in "conv 3 5x5 stride 2, groupnorm 3 relu, 10" 1400,10; do
        for optimizer in lars lamb; do
            same_bits 3 "2 3 5" --train-limit 90 --test-limit 20 --layers "$layers" \
                --batch-size 30 --epochs 2 --optimizer "$optimizer" --lr 0.05 --clip-norm 0.5
        done
    done
}

@test "same bits: convolutions, other tensors, noise, augmentation, a tile's end in a batch" {
    local shuffle
    for shuffle in global shard; do
        same_bits 8 "2 3 8" --train-limit 150 --test-limit 30 --batch-size 41 --epochs 2 \
            --log-every 2 --track-samples --shuffle "$shuffle" \
            --augment "shift 2, elastic 4 34, erase 0.2" --layers \
            "conv 6 5x5 stride 2 relu, groupnorm 2, maxpool 2, conv 8 3x3 same relu, \
avgpool 2 stride 1, dropout 0.3, layernorm, dense 20 relu, groupnorm 4, dense 10"
    done
}

@test "same bits: residual connections" {
    same_bits 8 "2 3 8" --train-limit 150 --test-limit 30 --batch-size 41 --epochs 2 --log-every 2 \
        --track-samples --layers "conv 6 5x5 stride 2 relu as a, conv 6 3x3 same relu as b, \
conv 6 3x3 same, add a relu, dropout 0.1, add b, maxpool 2, dense 20 as c, relu, dense 20, \
add c, dense 10"
}

@test "same bits: totals that stand in another slice than the last parameters" {
    same_bits 8 "4 5" --train-limit 100 --test-limit 20 --layers 1,19,10 --batch-size 20 \
        --epochs 1 --log-every 1 # 1023 parameters, in units of 256
}

@test "a step that is not finite is found at once on any number of ranks" {
    local np
    for np in 1 2 3 8; do
        dist_train "$np" --data synthetic --train-limit 300 --test-limit 20 --epochs 1 \
            --layers 30,30,30,30,30,10 --optimizer sgd --lr 3 --batch-size 8 --virtual-ranks 8 \
            --on-nonfinite skip --max-skips 5 --output "np$np"
        grep '^warning: step' err >"warnings$np"
        diff warnings1 "warnings$np"
        expect "hash of np $np" "$(summary parameter_hash np1)" "$(summary parameter_hash "np$np")"
    done
    grep -q 'gradient nan' warnings1 # with a loss that is a number
}

@test "same bits: settings, ranks and virtual ranks drawn anew each time (PROPERTY_RUNS=3)" {
    local v nps settings
    seed_draws
    for _ in $(seq "${PROPERTY_RUNS:-3}"); do
        draw_run
        same_bits "$v" "$nps" "${settings[@]}"
    done
}

@test "every sample is used exactly once an epoch, in the order that shuffle says" {
    make_data data 41 9 6
    local one=(--data data --layers 10 --epochs 2 --optimizer sgd --lr 0 --batch-size 1
        --log-every 1)
    train 0 "${one[@]}" --output global1
    train 3 "${one[@]}" --output global3
    train 2 "${one[@]}" --shuffle none --output none2
    train 3 "${one[@]}" --shuffle shard --output shard3
    train 8 "${one[@]}" --shuffle shard --output shard8
    "$python" "$top/tests/runs/reference.py" once global1 global3 none2 shard3 shard8
    expect "orders of one and three ranks" "$(metrics global1)" "$(metrics global3)"
}

@test "samples are counted: epochs times the training set, in ragged batches" {
    train 3 --data synthetic --train-limit 1009 --test-limit 20 --batch-size 97 --epochs 3 \
        --val-fraction 0.1 --output run
    expect "samples, steps, epochs" "$((908 * 3)) 30 3" \
        "$(summary samples) $(summary steps) $(summary epochs)"
    expect "test accuracy times samples is whole" 1 \
        "$(awk -v x="$(summary test_accuracy)" 'BEGIN { print (x * 20 == int(x * 20)) }')"
}

@test "a run directory holds the run, and says the same everywhere" {
    train 2 "${two[@]}" --output run
    (cd run && printf '%s\n' *) >files
    expect "files" "checkpoints config.ini insight.h5 log.txt metrics.csv report.html \
summary.json weights.h5" "$(words <files)"
    "$python" - run/summary.json <<'END'
import json, sys
summary = json.load(open(sys.argv[1], encoding="utf-8"))
keys = """status epochs steps ranks virtual_ranks hosts train_loss test_loss test_accuracy
    val_accuracy parameter_hash samples_per_second seconds resumed_from data_source version"""
assert not set(keys.split()) - set(summary), set(keys.split()) - set(summary)
expected = {"status": "complete", "epochs": 2, "steps": 10, "samples": 600, "ranks": 2,
            "virtual_ranks": 2, "hosts": 1, "val_accuracy": None, "resumed_from": None}
found = {key: summary[key] for key in expected}
assert found == expected, found
assert 0 < summary["test_loss"] < 3 and summary["samples_per_second"] > 0, summary
END
    "$python" "$top/tests/runs/check_weights.py" run/weights.h5 784,20,10
    local hash
    hash=$(summary parameter_hash)
    expect "hash in weights.h5" "$hash" "$("$python" -c 'import h5py, sys
value = h5py.File(sys.argv[1]).attrs["dist_train.parameter_hash"]
print(value.decode() if isinstance(value, bytes) else value)' run/weights.h5)"
    expect "hash in metrics.csv" "$hash" "$(tail -n 1 run/metrics.csv | cut -d, -f18)"
    expect "rows" 3 "$(wc -l <run/metrics.csv)"
    diff out run/log.txt
    local line='epoch 2/2 step 10 loss [0-9.]+ acc [0-9.]+ test_acc [0-9.]+ lr 1.0e-03 [0-9]+ '
    grep -qE "^${line}samples/s$" run/log.txt
}

@test "config.ini repeats the run, on other ranks too" {
    train 3 "${two[@]}" --lr 0.01 --seed 7 --batch-size 17 --output run
    local np
    for np in 0 2 3; do
        train "$np" --config run/config.ini --output "again$np"
        diff <(metrics run) <(metrics "again$np")
        diff run/config.ini "again$np/config.ini"
    done
}

@test "without --output: runs/<date>-<time>, to which runs/latest points; none is used twice" {
    (train 0 "${two[@]}" --output auto) &
    (cd "$work" && timeout -k 5 "$limit" "$program" "${two[@]}" >other.out 2>&1 </dev/null)
    wait $!
    expect "runs" 2 "$(printf '%s\n' runs/2[0-9]*-* | wc -l)"
    train 2 "${two[@]}" --seed 5
    grep -qx 'seed = 5' runs/latest/config.ini
    [ -f runs/latest/weights.h5 ]
    expect "runs" 3 "$(printf '%s\n' runs/2[0-9]*-* | wc -l)"
}

@test "without mpirun it is one rank; V is the number of ranks unless given" {
    unset OMPI_MCA_pml OMPI_MCA_ess_singleton_isolated # once as most people start it
    train 0 "${two[@]}" --output alone
    train 1 "${two[@]}" --output one
    train 3 "${two[@]}" --output three
    train 3 "${two[@]}" --virtual-ranks 1024 --output many
    diff <(metrics alone) <(metrics one)
    local run found=
    for run in alone one three many; do
        found+="$(summary ranks $run)/$(summary virtual_ranks $run) "
    done
    expect "ranks/virtual ranks" "1/1 1/1 3/3 3/1024 " "$found"
}

@test "without mpirun a bad directory for temporary files is no harm, or one line says so" {
    local version
    version=$("$program" --version)
    : >file
    export TMPDIR=$work/file
    case $version in
        *"Open MPI v"[1-4].*) train 0 "${two[@]}" --output alone ;;
        *"Open MPI"*)
            dist_train 0 "${two[@]}" --output alone
            expect "exit code" 78 "$status"
            expect "said" "dist-train: TMPDIR=$TMPDIR: expected a directory to write into, where \
Open MPI has its files, found: Not a directory; set TMPDIR to one" "$(cat err)"
            ;;
        *) train 0 "${two[@]}" --output alone ;;
    esac
}

# opened FRAMEWORK VARIABLE=VALUE... COMMAND...: what Open MPI has opened of its ways to send
# messages: pml, and btl below.
opened() {
    timeout -k 5 "$limit" env -u OMPI_MCA_pml -u OMPI_MCA_btl "OMPI_MCA_$1_base_verbose=10" \
        "${@:2}" --version 2>&1 </dev/null |
        sed -n 's/.*components_open: found loaded component \(.*\)/\1/p' | sort -u | words
}

# opens_more FRAMEWORK VARIABLE=VALUE...: with these, Open MPI is left to choose among what it has.
opens_more() {
    local found
    found=$(opened "$@" "$program")
    case ${found:-ob1} in
        ob1 | 'self sm' | 'self vader') expect "$1 with ${*:2}" "more than $found" "$found" ;;
    esac
}

@test "on one host no network is looked for; on many, and where the user chooses, Open MPI does" {
    local launch=("${launcher[@]}" -np 2) alone=OMPI_MCA_ess_singleton_isolated=1
    local two_hosts=(OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_SIZE=1)
    local step=(PMIX_RANK=0 SLURM_STEP_NUM_NODES=1 "$alone") framework only
    for framework in pml btl; do
        only=$(opened $framework "$program")
        [ -n "$only" ] || skip "this MPI does not say what it opens"
        expect "one process" "$only" "$(grep -xE 'ob1|self (vader|sm)' <<<"$only")"
        expect "two ranks" "$only" "$(opened $framework "${launch[@]}" "$program")"
        expect "a step of Slurm on one host" "$only" "$(opened $framework "${step[@]}" "$program")"
        opens_more $framework "${two_hosts[@]}"
        opens_more $framework "${two_hosts[@]}" "${step[@]}"
        opens_more $framework OMPI_COMM_WORLD_SIZE=1
        opens_more $framework "${step[@]}" SLURM_STEP_NUM_NODES=2
        opens_more $framework "${step[@]}" SLURM_HET_SIZE=2
        opens_more $framework PMIX_RANK=0 "$alone"
        opens_more $framework PMI_RANK=0 "$alone"
    done
    opens_more pml OMPI_MCA_pml=^monitoring
    opens_more pml "${launch[@]}" --mca pml ^monitoring
    expect "btl of the environment" "self tcp" "$(opened btl OMPI_MCA_btl=self,tcp "$program")"
    expect "btl of mpirun --mca" "self tcp" \
        "$(opened btl "${launch[@]}" --mca btl self,tcp "$program")"
}

@test "more ranks than virtual ranks: one line says how to use them; they evaluate and wait" {
    dist_train 3 "${two[@]}" --virtual-ranks 2 --output run
    expect "exit code" 0 "$status"
    expect "said" "warning: 1 of the 3 ranks only evaluates and waits: each batch is cut among 2 \
virtual ranks; --virtual-ranks 3 gives every rank a share, and is another trajectory" "$(<err)"
    grep -q '^  ranks     3 on 1 host (.*), 2 virtual ranks$' out
    grep -q '^time: compute .* (rank 0, which waits for those that train)$' out
    expect "virtual ranks" 2 "$(summary virtual_ranks)"
    grep -qx 'virtual_ranks = 2' run/config.ini
    "$python" - run/insight.h5 <<'END'
import sys, h5py
time = h5py.File(sys.argv[1])["time"]
phases = [name.decode() for name in time.attrs["phases"]]
seconds = dict(zip(phases, time["seconds"][:].T))
assert list(seconds["forward"] > 0) == [False, True, True], seconds
for phase in "wait", "update", "evaluate":
    assert all(seconds[phase] > 0), seconds
END
    train 3 "${two[@]}" --output three
    expect "another trajectory" 2 "$(cat {run,three}/summary.json | grep hash | sort -u | wc -l)"
}

@test "more ranks than virtual ranks: a rank that waits leaves the processors to the others" {
    # A step takes the one that trains some 20 times what the others do, which update and evaluate.
    # shellcheck disable=SC2016
    local measured='"$@" >/dev/null 2>"err.${OMPI_COMM_WORLD_RANK:-$PMI_RANK}"; status=$?
        read -r _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ user system _ <"/proc/$$/stat"
        echo $((user + system)) >"ticks.${OMPI_COMM_WORLD_RANK:-$PMI_RANK}"; exit $status'
    timeout -k 5 "$limit" "${launcher[@]}" -np 2 bash -c "$measured" - "$program" --data synthetic \
        --train-limit 8192 --test-limit 10 --layers 512,10 --batch-size 4096 --virtual-ranks 1 \
        --epochs 20 --checkpoint-epochs 0 --no-report --output run >out 2>&1 </dev/null
    local waits trains
    waits=$(<ticks.0) trains=$(<ticks.1)
    echo "processor time in ticks: $waits of rank 0, which waits; $trains of rank 1, which trains"
    [ "$trains" -gt 50 ] && [ $((waits * 2)) -lt "$trains" ]
}

@test "more ranks than virtual ranks: what a rank that waits is asked, all do" {
    local long=(--data synthetic --train-limit 2000 --test-limit 10 --layers 16,10 --batch-size 1
        --epochs 10000 --virtual-ranks 1) way pid
    for way in stop USR1 time; do
        echo "$way"
        timeout -k 5 "$limit" "${launcher[@]}" -np 3 "$program" "${long[@]}" --output "$way" \
            --max-time "$([ $way = time ] && echo 0.005 || echo 1)" >out 2>err </dev/null &
        pid=$!
        until [ -e "$way/metrics.csv" ] || [ "$way" = time ]; do sleep 0.02; done
        # The writer, rank 0, is one of those that wait.
        case $way in
            stop) touch stop/stop ;;
            USR1) kill -USR1 "$(sed -n 's/^pid //p' USR1/lock)" ;;
        esac
        status=0
        wait $pid || status=$?
        expect "exit code" 75 "$status"
        expect "status" stopped "$(summary status "$way")"
    done
    dist_train 3 "${long[@]}" --max-steps 500 --checkpoint-minutes 1e-9 --keep 1000 --output saves
    expect "exit code" 0 "$status"
    at_least "$(find saves/checkpoints -name 'step-*' | wc -l)" 3
}

@test "--max-steps ends a run at a step; 0 writes the initial model" {
    train 2 "${two[@]}" --max-steps 7 --virtual-ranks 4 --output seven
    train 1 "${small[@]}" --max-steps 7 --virtual-ranks 4 --epochs 9 --output again
    expect "steps, samples" "7 428" "$(summary steps seven) $(summary samples seven)"
    diff <(metrics seven) <(metrics again)
    train 0 "${two[@]}" --max-steps 0 --output zero
    train 3 "${two[@]}" --max-steps 0 --output zero3
    train 3 "${two[@]}" --optimizer sgd --lr 0 --output still
    expect "steps, samples" "0 0" "$(summary steps zero) $(summary samples zero)"
    expect "initial hash" "$(summary parameter_hash zero)" "$(summary parameter_hash zero3)"
    expect "hash after lr 0" "$(summary parameter_hash zero)" "$(summary parameter_hash still)"
}

@test "--log-every N writes a row every N steps, and one an epoch" {
    train 2 "${two[@]}" --log-every 2 --output run
    expect "epoch:step" "1:2 1:4 1:5 2:6 2:8 2:10" \
        "$(tail -n +2 run/metrics.csv | cut -d, -f1,2 | tr , : | words)"
    expect "rows with an evaluation" 2 "$(tail -n +2 run/metrics.csv | cut -d, -f8 | grep -c .)"
    expect "rows with a hash" 2 "$(tail -n +2 run/metrics.csv | cut -d, -f18 | grep -c .)"
}

@test "the seed decides; so does the order" {
    train 2 "${two[@]}" --output one
    train 2 "${two[@]}" --seed 2 --output two
    train 2 "${two[@]}" --shuffle none --output none
    train 2 "${two[@]}" --shuffle shard --output shard
    expect "different runs" 4 "$(for run in one two none shard; do
        summary parameter_hash $run
    done | sort -u | wc -l)"
}

@test "validation samples: best.h5 holds the best of the epochs, the first of equals" {
    train 3 "${small[@]}" --val-fraction 0.2 --epochs 6 --lr 0.05 --output run
    train 2 "${small[@]}" --val-fraction 0.2 --epochs 3 --lr 0 --optimizer sgd --output equals
    "$python" "$top/tests/runs/check_weights.py" run/best.h5 784,20,10
    "$python" - run equals <<'END'
import csv, sys, h5py
for run in sys.argv[1:]:
    rows = list(csv.DictReader(open(run + "/metrics.csv", encoding="utf-8", newline="")))
    best = max(rows, key=lambda row: float(row["val_accuracy"]))
    facts = h5py.File(run + "/best.h5").attrs
    found = facts["dist_train.parameter_hash"]
    found = found.decode() if isinstance(found, bytes) else found
    assert found == best["parameter_hash"], (run, found, best)
    assert int(facts["dist_train.epoch"]) == int(best["epoch"]), (run, dict(facts), best)
    assert (len({row["val_accuracy"] for row in rows}) > 1) == (run == "run"), rows
END
    expect "samples" 1440 "$(summary samples)"
}

@test "a random split trains on both parts less the validation samples, and has no test set" {
    train 2 "${small[@]}" --split random --val-fraction 0.1 --epochs 4 --lr 0.02 --output run
    expect "samples, test accuracy" "1260 null" "$(summary samples) $(summary test_accuracy)"
    at_least "$(summary val_accuracy)" 0.5
}

@test "a full disk: exit code 74, one line, no half-written file, no complete run" {
    # A name space of our own: the file system goes with it.
    # shellcheck disable=SC2016
    local script='mount -t tmpfs -o size=256k tmpfs "$1" || exit 99; cd "$1"; shift
        timeout -k 5 "$limit" "$@" --output run >../out 2>../err </dev/null
        echo $? >../code
        ls run >../files; cp run/summary.json .. || true'
    mkdir disk
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    unshare -rm bash -c "$script" - disk "${launcher[@]}" -np 3 "$program" \
        --data synthetic --train-limit 90 --test-limit 10 --epochs 1 2>why || true
    [ -f code ] || skip "no file system can be mounted here: $(head -n 1 why)"
    cat err
    expect "exit code" 74 "$(<code)"
    expect "lines" 1 "$(grep -c '^dist-train: ' err)"
    grep -q '^warning: run/weights.h5: .*No space left on device' err
    grep -q '^warning: run/checkpoints/step-00000002.h5: .*No space .*is no checkpoint yet$' err
    grep -q '^dist-train: run/checkpoints/step-00000002.h5: .*No space left on device' err
    expect "files" "checkpoints config.ini insight.h5 log.txt metrics.csv report.html \
summary.json" "$(words <files)"
    expect "status" failed "$(summary status .)"
}

@test "a training that diverges ends with exit code 65 on all ranks, not with a model of NaN" {
    local wild=(--data synthetic --train-limit 300 --test-limit 50 --layers 10 --optimizer sgd
        --lr 1000 --weight-decay 1000) last
    dist_train 3 "${wild[@]}" --output run
    expect "exit code, lines" "65 1" "$status $(grep -c '^dist-train: ' err)"
    grep -q '^dist-train: .*diverged' err
    expect "status" failed "$(summary status)"
    [ ! -e run/weights.h5 ]
    # A run that ends with the very step that goes too far, and those that end next to it.
    for last in 5 6 7 8; do
        dist_train 0 "${wild[@]}" --max-steps $last --output "at$last"
        case $status in
            0) "$python" "$top/tests/runs/check_weights.py" "at$last/weights.h5" 784,10 ;;
            65) [ ! -e "at$last/weights.h5" ] ;;
            *) expect "exit code" "0 or 65" "$status" ;;
        esac
        [ $last != 5 ] || expect "exit code after 5 steps" 0 "$status"
    done
    expect "exit code after 8 steps" 65 "$status"
}

@test "the synthetic digits are learnt, but not by a linear model" {
    local thirty=(--data synthetic --train-limit 30000 --batch-size 32 --schedule cosine)
    train 0 "${thirty[@]}" --epochs 3 --lr 0.002 --output deep
    at_least "$(summary test_accuracy deep)" 0.97
    train 0 "${thirty[@]}" --epochs 3 --layers 10 --output linear
    at_least "$(summary test_accuracy linear)" 0.8
    at_least 0.9699 "$(summary test_accuracy linear)"
}

@test "a progress bar on a terminal, none in a pipe" {
    command -v script >/dev/null || skip "script (util-linux) is not installed"
    script -qec true /dev/null >/dev/null 2>&1 </dev/null || skip "no pseudo-terminals here"
    local bar=$'\r''epoch 1/1 \[[=> ]*\] +[0-9]+% loss' np launch
    local long=(--data synthetic --train-limit 20000 --test-limit 50 --epochs 1)
    for np in 0 1 2; do
        launch="${launcher[*]} -np $np"
        [ $np != 0 ] || launch=
        timeout -k 5 "$limit" script -qec "$launch $program ${long[*]} --output t$np" /dev/null \
            >"terminal$np" </dev/null
        grep -qE "$bar" "terminal$np"
        expect "bars in log.txt" 0 "$(grep -c $'\r' t$np/log.txt || true)"
        train $np "${long[@]}" --output "p$np"
        expect "bars in a pipe" 0 "$(cat out err | grep -c $'\r' || true)"
    done
    grep -q $'\r\033\[Kepoch 1/1 step' terminal0 # gone before the line
    timeout -k 5 "$limit" script -qec \
        "$program ${long[*]} --progress lines --output lines" /dev/null \
        >lines.out </dev/null
    expect "bars with --progress lines" 0 "$(grep -cE "$bar" lines.out || true)"
    dist_train 0 "${long[@]}" --progress bar --output bar
    grep -qE "$bar" err
}

@test "--timeline: a row a rank, spans that follow one another; not repeated by config.ini" {
    train 2 --data synthetic --train-limit 500 --test-limit 50 --batch-size 50 --epochs 2 \
        --timeline trace.json --output traced
    "$python" - trace.json traced/insight.h5 <<'END'
import json, sys, h5py
events = json.load(open(sys.argv[1]))["traceEvents"]
rows = {e["tid"]: [] for e in events if e["ph"] == "M"}
assert sorted(rows) == [0, 1], rows
for e in events:
    if e["ph"] == "X":
        rows[e["tid"]].append((e["ts"], e["dur"], e["name"]))
for rank, spans in rows.items():
    names = [name for _, _, name in spans]
    for name in ("gather", "forward", "backward", "reduce", "wait", "update", "evaluate"):
        assert name in names, (rank, name)
    assert names.count("update") == 20 and names.count("forward") == 20, names
    for (begin, length, _), (after, _, _) in zip(spans, spans[1:]):
        assert abs(begin + length - after) < 0.01, (begin, length, after)

def of(rank, name):
    return [(begin, begin + length) for begin, length, found in rows[rank] if found == name]

# What a step's sums wait for: every rank's clock shows the same.
for back, there in zip(zip(of(0, "backward"), of(1, "backward")),
                       zip(of(0, "update"), of(1, "update"))):
    assert max(end for _, end in back) < min(begin for begin, _ in there), (back, there)

# What the report draws: some spans that follow one another, the first and last of them cut.
with h5py.File(sys.argv[2]) as file:
    some = file["timeline"]
    names = [name.decode() for name in file["time"].attrs["phases"]]
    ranks, phases, begins, ends = (some[name][:] for name in ("ranks", "phases", "begins", "ends"))
    assert some.attrs["steps"] == 3 and some.attrs["all_steps"] == 20, dict(some.attrs)
for rank, spans in rows.items():
    drawn = [(names[int(p)], 1e6 * (e - b)) for r, p, b, e in zip(ranks, phases, begins, ends)
             if r == rank]
    begin = min(range(len(spans) - len(drawn) + 1), key=lambda i: sum(
        abs(length - d) for (_, length, _), (_, d) in list(zip(spans[i:], drawn))[1:-1]))
    for (name, length), (_, whole, same) in list(zip(drawn, spans[begin:]))[1:-1]:
        assert name == same and abs(length - whole) < 0.1 + 1e-5 * whole, (name, same, length)
    assert [name for name, _ in drawn].count("update") == 3, drawn
END
    "$python" "$top/tests/runs/check_report.py" traced/report.html Timeline "each rank did" \
        "of the 20 that the timeline has" "share of the time" waiting
    train 1 --data synthetic --train-limit 9000 --test-limit 50 --batch-size 9000 --epochs 2 \
        --layers 2,10 --timeline long.json --output long
    "$python" "$top/tests/runs/check_report.py" long/report.html "the beginning of step 1 of the 2"
    train 1 --data synthetic --train-limit 500 --test-limit 50 --max-steps 2 --output untraced
    "$python" "$top/tests/runs/check_report.py" untraced/report.html '!Timeline'
    grep -q '^timeline = none' traced/config.ini
    train 2 --data synthetic --train-limit 50 --timeline no/where.json --output refused && false
    expect "exit code" 73 "$status"
    [ ! -e refused ]
}

@test "too little shared memory: exit code 78 and one line, no hang" {
    unshare -m sh -c 'mount -t tmpfs -o size=1m tmpfs /dev/shm' 2>/dev/null ||
        skip "nothing can be mounted here"
    local status=0
    unshare -m sh -c "mount -t tmpfs -o size=1m tmpfs /dev/shm && exec timeout -k 5 $limit \
        ${launcher[*]} -np 3 $program --data synthetic --train-limit 4000 --test-limit 10" \
        >out 2>err </dev/null || status=$?
    expect "exit code" 78 "$status"
    expect "lines" 1 "$(grep -c '^dist-train: /dev/shm .*expected .* MB' err)"
}

# What the ranks of any machine must come to; tests/bits has the same law without MPI.
@test "one run, one hash: on any machine and any number of ranks" {
    local np
    for np in 1 2 3 8; do
        train "$np" --data synthetic --train-limit 1500 --test-limit 500 --epochs 1 --no-report \
            --virtual-ranks 8 --batch-size 13 --layers "24, 10" --activation gelu \
            --output run --overwrite
        expect "hash on $np ranks" 73107e2295aa6881 "$(summary parameter_hash)"
    done
}
