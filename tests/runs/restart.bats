#!/usr/bin/env bats
# Laws of restarts: k steps, a restart and N - k steps are N steps, bit for bit, on any number of
# ranks; whatever stops a run leaves a checkpoint to go on from; what cannot go on says why.
# shellcheck disable=SC2054,SC2154 # 20,10 is one word; helpers.bash sets what seems unset

load helpers

setup() { common_setup; }
teardown() { common_teardown; }

# 15 steps an epoch: 240 training samples of 300.
small=(--data synthetic --train-limit 300 --test-limit 60 --val-fraction 0.2 --layers 16,10
    --batch-size 16 --virtual-ranks 8)
# Enough to do for a stop to come in time.
long=(--data synthetic --train-limit 2000 --test-limit 10 --layers 16,10 --batch-size 1
    --epochs 10000)

# same_run A B: two runs that a user cannot tell apart, but for times.
same_run() {
    expect "parameter_hash of $2" "$(summary parameter_hash "$1")" "$(summary parameter_hash "$2")"
    expect "steps of $2" "$(summary steps "$1")" "$(summary steps "$2")"
    expect "samples of $2" "$(summary samples "$1")" "$(summary samples "$2")"
    expect "train_loss of $2" "$(summary train_loss "$1")" "$(summary train_loss "$2")"
    diff <(metrics "$1") <(metrics "$2")
    cmp "$1/weights.h5" "$2/weights.h5"
    [ ! -e "$1/best.h5" ] || cmp "$1/best.h5" "$2/best.h5"
    "$python" "$top/tests/runs/check_insight.py" same "$1" "$2"
}

# in_pieces "NP:STEPS ..." ARGUMENT...: a run that is stopped after so many steps on so many ranks
# and goes on, in the directory `pieces`.
in_pieces() {
    local piece
    rm -rf pieces
    for piece in $1; do
        dist_train "${piece%:*}" "${@:2}" --max-steps "${piece#*:}" --resume auto --output pieces
        expect "exit code" 0 "$status" || { cat err; return 1; }
    done
}

checkpoints() { (cd "${1-run}/checkpoints" && echo step-*.h5); }

@test "k steps, a restart, N - k steps: first, last, around the end of an epoch" {
    local k all=("${small[@]}" --epochs 3 --log-every 4 --ema 0.9)
    train 1 "${all[@]}" --output whole
    for k in 0 1 14 15 16 30 44; do
        in_pieces "1:$k 1:-1" "${all[@]}"
        same_run whole pieces
    done
    in_pieces "1:45 1:-1" "${all[@]}"
    expect "said" "pieces is complete: step 45 of 45; more --epochs go on from there" "$(cat out)"
    expect "hash" "$(summary parameter_hash whole)" "$(summary parameter_hash pieces)"
    diff <(metrics whole) <(metrics pieces)
}

@test "restarted twice, on 8, 3 and 1 ranks, at checkpoints in the middle of epochs" {
    train 2 "${small[@]}" --epochs 4 --output whole
    in_pieces "8:22 3:37 1:-1" "${small[@]}" --epochs 4
    same_run whole pieces
    in_pieces "1:7 2:8 4:-1" "${small[@]}" --epochs 4
    same_run whole pieces
}

@test "a residual network goes on, on other numbers of ranks" {
    local network="conv 4 5x5 stride 2 relu as a, conv 4 3x3 same, add a relu as b, conv 4 1x1, \
add b, maxpool 2x2, dense 10"
    local image=("${small[@]/16,10/$network}" --epochs 2 --track-samples)
    train 2 "${image[@]}" --output whole
    in_pieces "3:7 1:16 8:-1" "${image[@]}"
    same_run whole pieces
    grep -qF "layers = $network" pieces/config.ini
}

@test "a network with each kind of layer goes on, on other numbers of ranks" {
    local network networks number=0
    mapfile -t networks < <(kind_networks)
    for network in "${networks[@]}"; do
        echo "$network"
        local kind=("${small[@]/16,10/$network}" --epochs 1 --log-every 4 --track-samples)
        train 1 "${kind[@]}" --output whole --overwrite
        in_pieces "$(nth $number "3:7 2:-1" "2:4 8:-1" "8:9 3:-1")" "${kind[@]}"
        same_run whole pieces
        number=$((number + 1))
    done
}

@test "k steps, a restart, N - k steps: convolutions, other tensors, noise, augmentation" {
    local layers="conv 4 5x5 relu, groupnorm 2, maxpool 2, conv 6 3x3 relu, avgpool 2, \
dropout 0.3, layernorm, dense 24, groupnorm 4 relu, dense 10"
    local kinds=("${small[@]/16,10/$layers}" --epochs 3 --track-samples
        --augment "rotate 20, flip" --ema 0.8)
    train 1 "${kinds[@]}" --output whole
    in_pieces "3:14 8:15 2:31 1:-1" "${kinds[@]}"
    same_run whole pieces
    train 1 "${kinds[@]/dropout 0.3/dropout 0}" --output calm
    [ "$(summary parameter_hash whole)" != "$(summary parameter_hash calm)" ]
    train 1 "${kinds[@]/rotate 20/rotate 0}" --output upright
    [ "$(summary parameter_hash whole)" != "$(summary parameter_hash upright)" ]
}

@test "begun on 2 ranks, gone on with on 4, 1 and 8: the run of 2 that never stopped" {
    local auto=("${small[@]:0:${#small[@]}-2}" --epochs 4 --track-samples) shuffle
    for shuffle in global shard; do
        train 2 "${auto[@]}" --shuffle $shuffle --output whole --overwrite
        in_pieces "2:22 4:37 1:49 8:-1" "${auto[@]}" --shuffle $shuffle
        expect "ranks" "8 with 2" "$(summary ranks pieces) with $(summary virtual_ranks pieces)"
        same_run whole pieces
    done
    expect "said" "warning: 6 of the 8 ranks only evaluate and wait: each batch is cut among 2 \
virtual ranks; --virtual-ranks 8 gives every rank a share, and is another trajectory" "$(<err)"
}

@test "a run that goes on uses more ranks when it is asked to: another trajectory, and said" {
    local auto=("${small[@]:0:${#small[@]}-2}" --epochs 3)
    train 2 "${auto[@]}" --max-steps 20 --output run
    dist_train 4 --virtual-ranks 4 --resume auto --output run
    expect "exit code" 0 "$status"
    expect "said" "warning: virtual_ranks was 2, and is 4 from step 20 on: results may differ" \
        "$(<err)"
    expect "virtual ranks" 4 "$(summary virtual_ranks)"
    expect "samples" 720 "$(summary samples)"
    # Parts of four are not those of two: in the middle of an epoch some samples would come twice.
    train 2 "${auto[@]}" --shuffle shard --max-steps 20 --output shards
    local kept=shards/checkpoints
    refuse 78 "$kept/step-00000020.h5: virtual_ranks: expected 2, since with shuffle shard it \
can change only between two epochs and this is step 5 of one, found 4; leave it out" \
        --virtual-ranks 4 --resume auto --output shards
    dist_train 4 --virtual-ranks 4 --resume $kept/step-00000015.h5 --output other
    expect "exit code, samples" "0 720" "$status $(summary samples other)"
}

@test "k steps, a restart, N - k steps: drawn, on drawn numbers of ranks" {
    local v nps settings all steps first second pieces
    seed_draws
    for _ in {1..3}; do
        draw_run
        all=(--data synthetic --virtual-ranks "$v" "${settings[@]}")
        train 1 "${all[@]}" --output whole --overwrite
        steps=$(summary steps whole)
        first=$((RANDOM % steps)) second=$((first + RANDOM % (steps - first)))
        pieces="2:$first ${nps% *}:$second ${nps#* }:-1"
        echo "$pieces ${all[*]@Q}"
        in_pieces "$pieces" "${all[@]}"
        same_run whole pieces
    done
}

@test "every optimizer and schedule goes on where it was" {
    local optimizer schedule number=0 warmup all
    for optimizer in $(names optimizer); do
        # shellcheck disable=SC2046 # words
        schedule=$(nth $number $(names schedule))
        [ "$optimizer" != nadam ] || schedule=one-cycle # its state has the betas of all its steps
        [ "$schedule" = one-cycle ] && warmup=0 || warmup=0.5
        echo "$optimizer $schedule"
        all=("${small[@]}" --epochs 2 --optimizer "$optimizer" --schedule "$schedule" --lr 0.01
            --warmup-epochs "$warmup" --clip-norm 1)
        train 1 "${all[@]}" --output whole --overwrite
        in_pieces "1:9 2:19 3:-1" "${all[@]}"
        same_run whole pieces
        number=$((number + 1))
    done
}

# The hash of the weights in a run's weights.h5.
weights_hash() { "$program" inspect "$1/weights.h5" | sed -n 's/.*, parameter_hash //p'; }

@test "an average of the weights, wherever it begins or ends, is of the same parameters" {
    local all=("${small[@]}" --epochs 2) change old new hash
    train 1 "${all[@]}" --output without
    hash=$(summary parameter_hash without)
    expect "hash of the weights" "$hash" "$(weights_hash without)"
    for change in 0:0.5 0.5:0 0.5:0.9; do
        old=${change%:*} new=${change#*:}
        train 1 "${all[@]}" --ema "$old" --max-steps 17 --output run --overwrite
        dist_train 3 --ema "$new" --resume auto --output run
        expect "exit code" 0 "$status"
        expect "said" "warning: ema was $old, and is $new from step 17 on: results may differ" \
            "$(<err)"
        expect "hash" "$hash" "$(summary parameter_hash)"
        [ "$new" = 0 ] || [ "$hash" != "$(weights_hash run)" ]
        [ "$new" != 0 ] || expect "hash of the weights" "$hash" "$(weights_hash run)"
    done
    grep -q 'the moving average of the weights is evaluated and saved, ema 0.9$' out
    dist_train 0 eval --weights run/weights.h5 --data synthetic --json eval.json
    expect "test_loss" "$(printf %.12f "$(summary test_loss)")" \
        "$(printf %.12f "$(sed -n 's/^  "loss": \(.*\),/\1/p' eval.json)")"
}

@test "a stop after the last step of an epoch: its row has the rate of that step" {
    local whole=(--data synthetic --train-limit 64 --test-limit 60 --layers 10 --epochs 4
        --schedule cosine)
    train 1 "${whole[@]}" --output whole
    dist_train 1 "${whole[@]}" --max-time 0.0000001 --output pieces
    expect "exit code" 75 "$status"
    dist_train 1 --resume auto --output pieces
    same_run whole pieces
}

@test "a plateau and its drops go on where they were" {
    local flat=("${small[@]}" --epochs 40 --schedule plateau --plateau-patience 1 --lr 0.02
        --plateau-threshold 0.02 --label-smoothing 0.1)
    train 1 "${flat[@]}" --output whole
    in_pieces "1:120 2:311 1:311 1:0 1:0 1:450 1:-1" "${flat[@]}"
    same_run whole pieces
    [ "$("$python" -c 'import csv
print(len({row["learning_rate"] for row in csv.DictReader(open("whole/metrics.csv"))}))')" -gt 2 ]
}

@test "early stopping stops at the same epoch after a restart" {
    local patient=("${small[@]}" --epochs 200 --patience 3 --lr 0.03)
    train 1 "${patient[@]}" --output whole
    grep -q '^no better validation accuracy for 3 epochs: ending early$' out
    local steps
    steps=$(summary steps whole)
    [ "$steps" -lt 3000 ]
    # Within the patience: the best epoch is already over.
    in_pieces "1:$((steps - 20)) 1:-1" "${patient[@]}"
    same_run whole pieces
    train 1 "${patient[@]}" --resume auto --output pieces
    local ending="no better validation accuracy since; a larger --patience goes on"
    grep -q "^pieces is complete: step $steps of 3000, $ending$" out
}

@test "the settings come from the checkpoint; --resume FILE begins a run of its own" {
    train 1 "${small[@]}" --epochs 3 --lr 0.02 --output whole
    train 1 "${small[@]}" --epochs 3 --lr 0.02 --max-steps 20 --output part
    local kept=part/checkpoints/step-00000020.h5
    train 2 --resume $kept --output other
    same_run whole other
    expect "resumed_from" $kept "$(summary resumed_from other)"
    [ -e $kept ]
    expect "steps of the run it came from" 20 "$(summary steps part)"
    train 2 --resume $kept --output part
    same_run whole part
}

@test "a stop file, signals and --max-time leave a checkpoint and exit code 75" {
    local way pid steps
    for way in stop USR1 TERM XCPU INT time; do
        echo "$way"
        local most=1
        [ "$way" != time ] || most=0.005
        env --default-signal=INT "$program" "${long[@]}" --max-time $most --output "$way" \
            >out 2>err </dev/null &
        pid=$!
        if [ "$way" != time ]; then
            until grep -qs '^  output ' "$way/log.txt"; do sleep 0.02; done
            if [ "$way" = stop ]; then touch stop/stop; else kill -"$way" $pid; fi
        fi
        status=0
        wait $pid || status=$?
        expect "exit code" 75 "$status"
        expect "status" stopped "$(summary status "$way")"
        expect "on standard error" "" "$(cat err)"
        local reason
        case $way in
            stop) reason="the file stop" ;;
            time) reason="max_time (0.005 minutes)" ;;
            *) reason=SIG$way ;;
        esac
        steps=$(summary steps "$way")
        grep -qF "stopped by $reason after step $steps of 20000000: checkpoint $way/" out
        # Ended there, it has the row that a run of so many steps has.
        train 1 --resume "$way/checkpoints/step-$(printf %08d "$steps").h5" --max-steps "$steps" \
            --output "there-$way"
        train 1 "${long[@]}" --max-steps "$steps" --output "short-$way"
        diff <(metrics "short-$way") <(metrics "there-$way")
        # And it goes on, to the same as without.
        steps=$((steps + 5))
        train 1 "${long[@]}" --resume auto --max-steps $steps --output "$way"
        [ ! -e "$way/stop" ]
        train 1 "${long[@]}" --max-steps $steps --output "whole-$way"
        same_run "whole-$way" "$way"
    done
}

@test "who reads what is printed ends before a run that is to stop: | tee and Ctrl-C, | head" {
    mkfifo printed
    local reader pid way
    for way in INT HUP PIPE; do
        echo "$way"
        cat printed >/dev/null &
        reader=$!
        env --default-signal=HUP,INT,PIPE "$program" "${small[@]}" --epochs 1000000 \
            --output "$way" >printed 2>&1 </dev/null &
        pid=$!
        until [ "$(wc -l <"$way/metrics.csv" || true)" -ge 2 ]; do sleep 0.02; done 2>/dev/null
        kill $reader
        wait $reader || true
        [ "$way" = PIPE ] || kill -"$way" $pid
        status=0
        wait $pid || status=$?
        expect "exit code" 75 "$status"
        expect "status" stopped "$(summary status "$way")"
        grep -q "^stopped by SIG.* after step $(summary steps "$way") of " "$way/log.txt"
        [[ $(checkpoints "$way") == *"step-$(printf %08d "$(summary steps "$way")").h5" ]]
    done
}

@test "SIGUSR1 to mpirun stops all ranks in one step" {
    timeout -k 5 "$limit" "${launcher[@]}" -np 3 "$program" "${long[@]}" --output run \
        >out 2>err </dev/null &
    local pid=$!
    until [ -e run/metrics.csv ]; do sleep 0.02; done
    sleep 0.3
    kill -USR1 "$(processes "^. $pid ")"
    status=0
    wait $pid || status=$?
    expect "exit code" 75 "$status"
    expect "status" stopped "$(summary status)"
    [[ $(checkpoints) == *"step-$(printf %08d "$(summary steps)").h5" ]]
}

@test "a second SIGINT ends at once" {
    env --default-signal=INT "$program" "${long[@]}" --max-time 1 --output run \
        >out 2>err </dev/null &
    local pid=$!
    until grep -qs '^  output ' run/log.txt; do sleep 0.02; done
    kill -STOP $pid
    kill -INT $pid
    kill -INT $pid
    kill -CONT $pid
    status=0
    wait $pid || status=$?
    # Two that come at once are one signal: then it was a stop.
    [ "$status" = 130 ] || [ "$status" = 75 ]
}

@test "checkpoints every epoch, by default; every so many steps; --keep of them" {
    train 1 "${small[@]}" --epochs 5 --output a
    expect "by default" "step-00000045.h5 step-00000060.h5 step-00000075.h5" "$(checkpoints a)"
    train 1 "${small[@]}" --epochs 3 --checkpoint-epochs 2 --keep 9 --output b
    expect "every second epoch" "step-00000030.h5 step-00000045.h5" "$(checkpoints b)"
    train 1 "${small[@]}" --epochs 2 --checkpoint-epochs 0 --checkpoint-steps 8 --keep 2 --output c
    expect "every 8 steps" "step-00000024.h5 step-00000030.h5" "$(checkpoints c)"
    train 1 "${small[@]}" --epochs 1 --checkpoint-epochs 0 --output d
    expect "at the end alone" "step-00000015.h5" "$(checkpoints d)"
}

@test "a damaged checkpoint is named and passed over, the one before it is taken" {
    train 1 "${small[@]}" --epochs 3 --output whole
    train 1 "${small[@]}" --epochs 3 --max-steps 40 --output run
    expect "checkpoints" "step-00000015.h5 step-00000030.h5 step-00000040.h5" "$(checkpoints)"
    printf x | dd of=run/checkpoints/step-00000040.h5 bs=1 seek=5000 conv=notrunc status=none
    : >run/checkpoints/step-00000030.h5
    dist_train 1 "${small[@]}" --epochs 3 --resume auto --output run
    expect "exit code" 0 "$status"
    grep -q 'step-00000040.h5: .*; passed over, and renamed to .damaged' err
    grep -q 'step-00000030.h5: .*; passed over, and renamed to .damaged' err
    expect "resumed_from" run/checkpoints/step-00000015.h5 "$(summary resumed_from)"
    same_run whole run
    [ -e run/checkpoints/step-00000040.h5.damaged ]
}

@test "a newest checkpoint that cannot be opened is refused, not taken for a damaged one" {
    train 1 "${small[@]}" --epochs 2 --output run
    local newest=run/checkpoints/step-00000030.h5 somebody=("$program")
    if [ "$(id -u)" = 0 ]; then # who may read everything
        somebody=(setpriv --reuid=65534 --regid=65534 --clear-groups ./dist-train)
        chown -R 65534:65534 .
        cp "$program" dist-train
    fi
    chmod 0 $newest
    find run -exec ls -dl {} + >before
    status=0
    timeout "$limit" "${somebody[@]}" "${small[@]}" --epochs 3 --resume auto --output run \
        >out 2>err </dev/null || status=$?
    expect "exit code" 66 "$status"
    grep -q "^dist-train: $newest: cannot open: .*; make it readable, or remove it" err
    expect "the files" "$(grep -v 'run$' before)" "$(find run -exec ls -dl {} + | grep -v 'run$')"
    chmod 600 $newest
    train 1 "${small[@]}" --epochs 3 --resume auto --output run
    expect "resumed_from" $newest "$(summary resumed_from)"
}

@test "another network, other data or settings that cannot change are refused, with both values" {
    train 1 "${small[@]}" --epochs 1 --output run
    local go=(--resume auto --output run)
    local file=run/checkpoints/step-00000015.h5
    refuse 78 "$file: layers: expected dense 16 .*, as this run has it, found dense 8 .*dense 10" \
        --layers 8,10 "${go[@]}"
    refuse 78 "$file: activation: expected relu, as this run has it, found tanh; leave it out" \
        --activation tanh "${go[@]}"
    refuse 78 ".*batch_size: expected 16, as this run has it, found 32" --batch-size 32 "${go[@]}"
    make_data other 300 60
    refuse 78 "$file: of another data set: expected .*other.* \(240 training samples, \
fingerprint [0-9a-f]{16}\), found synthetic digits" \
        --data other "${go[@]}"
    expect "the run is as it was" complete "$(summary status)"
}

@test "a turn of the learning rate is taken, and said" {
    train 1 "${small[@]}" --epochs 2 --max-steps 15 --output run
    dist_train 1 "${small[@]}" --epochs 2 --lr 0.5 --resume auto --output run
    expect "exit code" 0 "$status"
    local said="warning: lr was 0.001, and is 0.5 from step 15 on: results may differ"
    expect "said" "$said" "$(cat err)"
    grep -q '^lr = 0.5$' run/config.ini
}

@test "a finished run says so; more epochs continue it; nothing to go on from begins" {
    train 1 "${small[@]}" --epochs 4 --output whole
    train 1 "${small[@]}" --epochs 2 --output run
    local before
    before=$(ls -l --time-style=full-iso run)
    train 1 --resume auto --output run
    expect "said" "run is complete: step 30 of 30; more --epochs go on from there" "$(cat out)"
    expect "untouched" "$before" "$(ls -l --time-style=full-iso run)"
    train 1 --resume auto --epochs 1 --output run
    expect "said" "run is complete: step 30, beyond the 15 asked for; --epochs 3 or more goes on \
from there" "$(cat out)"
    refuse 66 "run: expected a checkpoint file, found a run directory; --output run --resume auto" \
        --resume run --output other
    train 1 --resume auto --epochs 4 --output run
    same_run whole run
    dist_train 1 "${small[@]}" --epochs 4 --resume auto --output new
    expect "exit code" 0 "$status"
    expect "said" "no run to go on with in new: beginning one" "$(cat err)"
    same_run whole new
    dist_train 1 "${small[@]}" --epochs 4 --resume nothing.h5 --output newer
    expect "exit code" 66 "$status"
}

@test "a first start says that there is no checkpoint yet, a second one that none is left" {
    mkdir run
    dist_train 1 "${small[@]}" --epochs 1 --resume auto --output run
    expect "exit code" 0 "$status"
    expect "said" "run has no checkpoint yet: beginning" "$(cat err)"
    rm run/checkpoints/*
    dist_train 1 "${small[@]}" --epochs 1 --resume auto --output run
    expect "exit code" 0 "$status"
    expect "said" "run has no checkpoint to go on from: beginning again" "$(cat err)"
}

@test "a run that goes on shows its settings, not this command line's alone" {
    train 1 "${small[@]}" --epochs 2 --max-steps 15 --output run
    local settings="--data synthetic --val-fraction 0.2 --train-limit 300 --test-limit 60 \
--layers '16, 10' --epochs 3 --batch-size 16 --virtual-ranks 8 --resume auto --output run"
    train 1 --epochs 3 --resume auto --output run
    expect "settings" "$settings" "$(sed -n 's/^  settings  //p' out)"
    train 2 --data synthetic --train-limit 99 --test-limit 9 --epochs 1 --max-steps 1 --output own
    train 2 --resume auto --output own
    ! grep '^  settings .*virtual-ranks' out || false
}

@test "log.txt has what came before it, and the error that ended the run" {
    train 1 "${small[@]}" --epochs 2 --max-steps 15 --output run
    : >run/log.txt
    dist_train 2 "${small[@]}" --epochs 2 --lr 0.5 --resume auto --output run
    expect "exit code" 0 "$status"
    expect "first line" "warning: lr was 0.001, and is 0.5 from step 15 on: results may differ" \
        "$(head -1 run/log.txt)"
    diff <(sort out err) <(sort run/log.txt)
    dist_train 2 "${small[@]}" --optimizer sgd --lr 1000 --loss mse --activation identity --output a
    expect "exit code" 65 "$status"
    expect "last line" "$(grep '^dist-train: ' err)" "$(tail -1 a/log.txt)"
    # A checkpoint is larger than that.
    status=$(ulimit -f 64 && dist_train 0 "${small[@]}" --epochs 1 --output b && echo "$status")
    expect "exit code" 74 "$status"
    expect "last line" "$(grep '^dist-train: ' err)" "$(tail -1 b/log.txt)"
}

@test "a start that is refused late leaves the summary of the one before" {
    train 1 "${small[@]}" --epochs 1 --output run
    cp run/summary.json before.json
    status=$(ulimit -f 1 && dist_train 0 "${small[@]}" --epochs 2 --resume auto --output run &&
        echo "$status")
    expect "exit code" 74 "$status"
    grep '^dist-train: run/config.ini: cannot write' err
    cmp before.json run/summary.json
    train 1 "${small[@]}" --epochs 2 --resume auto --output run
}

@test "a run that died before its end: what it had not saved is done again, rows and best too" {
    train 1 "${small[@]}" --epochs 3 --output whole
    train 1 "${small[@]}" --epochs 3 --output run
    # As if it had died after its last epoch, before the last two checkpoints.
    rm run/checkpoints/step-0000003*.h5 run/checkpoints/step-00000045.h5 run/summary.json
    printf '4,60,960' >>run/metrics.csv
    train 3 --resume auto --output run
    same_run whole run
}

@test "a run that was stopped between two rows: the row of its last step is the same afterwards" {
    local step np
    for step in 7 15 21; do
        train 2 "${small[@]}" --epochs 3 --max-steps $step --output whole-$step
        expect "gradient norms" "$((step / 15 + (step % 15 > 0)))" \
            "$(tail -n +2 "whole-$step/metrics.csv" | cut -d, -f17 | grep -c .)"
    done
    train 3 "${small[@]}" --epochs 3 --checkpoint-steps 7 --keep 100 --output run
    for np in 1 3; do
        for step in 7 15 21; do
            rm -rf pieces
            train "$np" --resume "run/checkpoints/step-000000$(printf %02d $step).h5" \
                --max-steps $step --output pieces
            diff <(metrics "whole-$step") <(metrics pieces)
        done
    done
}

@test "one writer a run directory" {
    "$program" "${long[@]}" --max-time 1 --output run >out1 2>err1 </dev/null &
    local pid=$!
    until [ -e run/metrics.csv ]; do sleep 0.02; done
    dist_train 0 "${long[@]}" --output run --overwrite
    expect "exit code" 73 "$status"
    grep -q "run: in use by process $pid on host" err
    kill -KILL $pid
    wait $pid || true
    dist_train 0 "${small[@]}" --epochs 1 --output run --overwrite
    expect "exit code" 0 "$status"
    grep -q "process $pid" err
    [ ! -e run/lock ]
}

@test "a loss that is not finite: stop names step, layer and sizes; skip has its limit" {
    local wild=("${small[@]}" --epochs 1 --optimizer sgd --lr 1000 --loss mse
        --activation identity)
    dist_train 2 "${wild[@]}" --output a
    expect "exit code" 65 "$status"
    grep -qE 'step [0-9]+ is not finite: loss [^;]*; the largest finite gradient is .* in dense' err
    expect "status" failed "$(summary status a)"
    dist_train 2 "${wild[@]}" --on-nonfinite skip --max-skips 3 --output b
    expect "exit code" 65 "$status"
    grep -q '4 steps in a row are not finite, expected at most max_skips = 3' err
    expect "warnings" 4 "$(grep -c '^warning: step .*: left out$' err)"
}

@test "files of version 0.1 are read: it goes on to the same bits, and its weights mean the same" {
    local old=$top/tests/runs/written-by-0.1
    local same=(--data data --layers 3,10 --activation tanh --no-bias --loss bce --no-report
        --output-activation softmax --optimizer momentum --batch-size 8 --epochs 2)
    make_data data 60 20 6
    train 0 "${same[@]}" --virtual-ranks 1 --output whole
    cp -r "$old" run
    train 1 --resume auto --output run
    expect hash "$(summary parameter_hash whole)" "$(summary parameter_hash)"
    cp -r "$old" again
    train 1 "${same[@]}" --resume auto --output again
    expect hash "$(summary parameter_hash whole)" "$(summary parameter_hash again)"
    cp -r "$old" other
    refuse 78 "layers: expected .*dense 3 .*, as this run has it, found dense 4 " \
        --layers 4,10 --resume auto --output other
    train 0 eval --weights "$old/weights.h5" --json json
    grep -q '"accuracy": 0.1,\{0,1\}$' json
    refuse 78 "activation: expected tanh, as this file has it, found relu" \
        eval --weights "$old/weights.h5" --activation relu
    train 0 export --weights "$old/weights.h5" --format keras --out new.h5
    train 0 inspect new.h5
    grep -q '^  layers    dense 3 bias false tanh, dense 10 bias false softmax$' out
    local hash
    hash=$(sed -n 's/.*"parameter_hash": "\(.*\)".*/\1/p' "$old/summary.json")
    grep -q "parameter_hash $hash" out
}

@test "a checkpoint of before decay_all goes on as it was: everything decays" {
    make_data data 60 20 6
    train 1 --data data --no-report --output run \
        --resume "$top/tests/runs/written-before-decay-all/step-00000008.h5"
    expect hash 9862b1870377d087 "$(summary parameter_hash)"
    grep -q '^decay_all = true$' run/config.ini
}
