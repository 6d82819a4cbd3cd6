#!/usr/bin/env bats
# scripts/run-resilient.sh, with a stand-in for mpirun that does what a test plans, and with mpirun.
# shellcheck disable=SC2016,SC2154 # plans are expanded by the stand-in; helpers sets variables
# shellcheck disable=SC2030,SC2031,SC2054 # $status is of one test; 32,10 is one word

load helpers

setup() {
    common_setup
    script=$top/scripts/run-resilient.sh
    export PROGRAM=$program
}

teardown() { common_teardown; }

# plan LINE...: the first start of the stand-in does the first LINE and so on, all further ones the
# last. In a LINE: save STEP; up [PROCESS]: it, else the launcher, has the lock; down STATUS: so has
# the run ended; forever; stop_on_request; $directory.
plan() {
    rm -f calls
    printf '%s\n' "$@" >plan
    cat >mpirun <<'EOT'
#!/bin/bash
[ "$*" != --version ] || exec echo "mpirun (Open MPI) 4.1.4"
echo "$*" >>calls
starts=$(wc -l <calls)
lines=$(wc -l <plan)
directory=run
save() {
    mkdir -p "$directory/checkpoints"
    touch "$directory/checkpoints/step-$(printf %08d "$1").h5"
}
up() {
    local words
    read -ra words < <(sed 's/.*) //' "/proc/${1-$$}/stat")
    mkdir -p "$directory"
    {
        printf '%s\n' 'dist-train run lock' "pid ${1-$$}" "started ${words[19]}"
        echo "boot $(</proc/sys/kernel/random/boot_id)"
        echo "spaces $(readlink /proc/self/ns/pid),$(readlink /proc/self/ns/time)"
        printf '%s\n' 'since today' "nonce $SRANDOM" end
    } >"$directory/new"
    mv "$directory/new" "$directory/lock"
    rm -f "$directory/summary.json"
}
down() {
    mkdir -p "$directory"
    printf '{\n  "status": "%s"\n}\n' "$1" >"$directory/summary.json"
    rm -f "$directory/lock"
}
forever() { while :; do sleep 0.05; done; }
stop_on_request() {
    trap "echo USR1 >>got; down stopped; exit 75" USR1
    up
    forever
}
eval "$(sed -n "$((starts < lines ? starts : lines))p" plan)"
EOT
    chmod +x mpirun
    PATH=$work:${PATH#"$work:"}
}

# resilient ARGUMENT...: runs the script, sets $status.
resilient() {
    status=0
    timeout -k 5 "$limit" "$script" "$@" >out 2>err </dev/null || status=$?
}

calls() { wc -l <calls; }

# started ARGUMENT...: how many starts had these arguments, and no others, behind the program.
started() { grep -cxF -- "$program $*" <(sed 's/^--oversubscribe //; s/^-np [0-9]* //' calls); }

@test "resilient: mpirun gets ranks, settings, a directory, --resume auto and no input" {
    plan 'wc -c; exit 0'
    timeout -k 5 "$limit" "$script" -n 3 -- --epochs 4 --output run >out 2>err <<<input
    expect calls "--oversubscribe -np 3 $program --epochs 4 --output run --resume auto" "$(<calls)"
    expect input 0 "$(<out)"
    expect errors '' "$(<err)"
    resilient -- --epochs 4 --output=run
    expect 'without -n' "--oversubscribe $program --epochs 4 --output run --resume auto" \
        "$(tail -n 1 calls)"
    mv mpirun other
    resilient -np 2 --launch 'other -H a:1,b:1' -- --output run
    expect '--launch' "-H a:1,b:1 -np 2 $program --output run --resume auto" "$(tail -n 1 calls)"
}

@test "resilient: no restart after 0, 75 and what no restart would mend" {
    local code
    for code in 0 64 65 66 75 78; do
        plan "exit $code"
        resilient -n 2 -- --output run
        expect "status of $code" "$code" "$status"
        expect "starts with $code" 1 "$(calls)"
    done
}

@test "resilient: gives up after --max-restarts without a newer checkpoint" {
    local code
    for code in 1 70 71 73 74 137 139; do
        plan "exit $code"
        resilient -n 2 --max-restarts 1 -- --output run
        expect "status of $code" "$code" "$status"
        expect "starts with $code" 2 "$(calls)"
        grep -q 'no newer checkpoint after 1 restarts' err
    done
    plan 'exit 9'
    resilient -n 2 --max-restarts 0 -- --output run
    expect 'starts without restarts' 1 "$(calls)"
    plan 'save 100; exit 9'
    resilient --max-restarts 1 -- --output run
    expect 'starts that save the same step' 2 "$(calls)"
}

@test "resilient: a newer checkpoint refills the budget, an older one does not" {
    plan 'exit 9' 'save 10; exit 9' 'exit 9' 'save 123456789; exit 9' 'save 99999999; exit 9' \
        'save 30; exit 9'
    resilient -n 2 --max-restarts 2 -- --output run
    expect status 9 "$status"
    expect starts 6 "$(calls)"
    grep -q 'restart 1 of 2, newest checkpoint: step 123456789$' err
    grep -q 'restart 2 of 2, newest checkpoint: step 123456789$' err
    plan 'exit 9' 'save 123456790; exit 9' 'exit 0'
    resilient -n 2 --max-restarts 1 -- --output run
    expect 'status of a run that ends well' 0 "$status"
    expect 'its starts' 3 "$(calls)"
}

@test "resilient: only the first start overwrites, and begins where the user says" {
    plan 'save 5; exit 9' 'exit 0'
    resilient -- --overwrite --output run --resume never
    expect 'first start' 1 "$(started --output run --resume never --overwrite)"
    expect 'second start' 1 "$(started --output run --resume auto)"
    rm -r run
    plan 'exit 9' 'save 5; exit 9' 'exit 0'
    resilient -- --resume=old.h5 --output run
    expect 'until there is a checkpoint' 2 "$(started --output run --resume old.h5)"
    expect 'from then on' 1 "$(started --output run --resume auto)"
}

@test "resilient: the output and resume of config files and the environment count" {
    plan 'exit 0'
    printf '[log]\noutput = " a \\"b\\" \\\\c"\n[checkpoint]\nresume = old.h5\n' >my.ini
    resilient -- --config my.ini
    expect 'a file' 1 "$(started --config my.ini --output ' a "b" \c' --resume old.h5)"
    plan 'exit 0'
    DIST_TRAIN_OUTPUT=there DIST_TRAIN_RESUME=never resilient -- --config my.ini
    expect 'environment' 1 "$(started --config my.ini --output there --resume auto)"
    [ ! -e runs ]
}

@test "resilient: without an output it makes a directory, says which, and restarts find it" {
    plan 'directory=$(ls -d runs/2*); save 7; exit 9' 'exit 0'
    resilient -n 2 --
    local name
    name=$(ls -d runs/2*)
    [[ $name =~ ^runs/20[0-9]{6}-[0-9]{6}$ ]]
    expect message "run-resilient: the run is in $name" "$(head -n 1 err)"
    expect starts 2 "$(started --output "$name" --resume auto)"
    grep -q 'newest checkpoint: step 7$' err
    expect latest "${name#*/}" "$(readlink runs/latest)"
}

@test "resilient: a mistake in the settings is the program's one line, without a start" {
    plan 'exit 0'
    resilient -n 2 -- --btach-size 3
    expect status 64 "$status"
    expect lines 1 "$(wc -l <err)"
    grep -q 'did you mean --batch-size' err
    resilient -n 2 -- --batch-size x
    expect 'status of a bad value' 78 "$status"
    [ ! -e calls ]
}

@test "resilient: wrong usage, nothing to start with, help" {
    local arguments
    plan 'exit 0'
    for arguments in '-n' '-n 0' '-n two' '--max-restarts -1' '--max-restarts' '--launch' \
        '--epochs 3' '-n 2 --output run' '-- --help' '-- --version'; do
        # shellcheck disable=SC2086 # a list
        resilient $arguments
        expect "status of $arguments" 64 "$status"
        expect "lines of $arguments" 1 "$(grep -c ^run-resilient: err)"
    done
    resilient --launch /no/mpirun -- --output run
    expect 'status without a launcher' 69 "$status"
    mkdir alone
    cp "$script" "${script%/*}/ranks.sh" alone
    PROGRAM='' script=alone/run-resilient.sh resilient -- --output run
    expect 'status without a program' 66 "$status"
    resilient --help
    expect 'status of help' 0 "$status"
    grep -q -- '--max-restarts N' out
    [ ! -e calls ]
    [ ! -e runs ]
}

# in_background LINE...: starts the script on a plan, waits for the file `began`; $! is it.
in_background() {
    rm -f began got
    plan "$@"
    "$script" -n 2 -- --output run >out 2>err </dev/null 3>&- &
    until [ -e began ]; do sleep 0.02; done
}

# ended PID: waits for it, sets $status.
ended() {
    status=0
    for _ in {1..600}; do
        [ -e "/proc/$1/exe" ] || break
        sleep 0.1
    done
    # shellcheck disable=SC2046 # a list
    [ ! -e "/proc/$1/exe" ] || kill -KILL $(processes "^. $1 ") "$1"
    wait "$1" || status=$?
}

@test "resilient: TERM, INT, HUP and USR1 reach mpirun as USR1, when the ranks are up" {
    local signal
    for signal in TERM INT HUP USR1; do
        plan 'trap "echo early >>got; exit 9" USR1; touch began; sleep 0.5; stop_on_request'
        rm -f began got
        # A shell starts what is in its background with INT ignored.
        env --default-signal=INT "$script" -n 2 -- --output run >out 2>err </dev/null 3>&- &
        until [ -e began ]; do sleep 0.02; done
        kill "-$signal" $!
        ended $!
        expect "status after $signal" 75 "$status"
        expect "mpirun got on $signal" USR1 "$(<got)"
        expect "starts after $signal" 1 "$(calls)"
    done
}

@test "resilient: a second request ends mpirun at once" {
    in_background \
        'trap "echo USR1 >>got" USR1; trap "echo TERM >>got; exit 1" TERM; up; touch began; forever'
    kill -TERM $!
    until [ -e got ]; do sleep 0.02; done
    kill -TERM $!
    ended $!
    expect status 1 "$status"
    expect 'mpirun got' 'USR1 TERM' "$(words <got)"
    expect starts 1 "$(calls)"
}

@test "resilient: asked to stop, it starts nothing again, however mpirun ends" {
    in_background 'trap "rm run/lock; trap - USR1; kill -USR1 $$" USR1; up; touch began; forever'
    kill -TERM $!
    ended $!
    expect 'status of a mpirun that was not ready' 75 "$status"
    in_background 'up; touch began; forever'
    kill -TERM $!
    ended $!
    expect 'status of a mpirun that dies with its ranks' 71 "$status"
    in_background 'trap "exit 139" USR1; up; touch began; forever'
    kill -TERM $!
    ended $!
    expect 'status of a crash' 139 "$status"
    expect starts 1 "$(calls)"
    in_background 'exit 9' 'exit 9' 'touch began; exit 9'
    sleep 0.5
    kill -TERM $!
    ended $!
    expect 'status between two starts' 75 "$status"
    expect starts 3 "$(calls)"
}

# After a TERM mpirun 5 ends with 1, whatever its ranks have done.
@test "resilient: how the run has ended counts, not how the launcher has" {
    local code
    for code in 0 1 143; do
        plan "up; down complete; exit $code"
        resilient -n 2 --max-restarts 1 -- --output run
        expect "complete, launcher's $code" '0 after 1' "$status after $(calls)"
        plan "up; down stopped; exit $code"
        resilient -n 2 --max-restarts 1 -- --output run
        expect "stopped, launcher's $code" '75 after 1' "$status after $(calls)"
        plan "up; exit $code"
        resilient -n 2 --max-restarts 1 -- --output run
        expect "died, launcher's $code" "$((code ? code : 71)) after 2" "$status after $(calls)"
        plan "up; down failed; exit $code"
        resilient -n 2 --max-restarts 0 -- --output run
        expect "failed, launcher's $code" "$((code ? code : 70))" "$status"
    done
    plan 'up; down stopped; exit 137' 'up; down complete'
    resilient -n 2 -- --output run
    expect 'stopped, for the launcher was killed' '0 after 2' "$status after $(calls)"
}

@test "resilient: the summary of an earlier start excuses no failure, and makes none complete" {
    plan 'up; down complete; exit 0' 'exit 1'
    resilient -- --output run
    resilient --max-restarts 1 -- --output run
    expect 'a failure after a complete run' '1 after 3' "$status after $(calls)"
    plan 'exit 78'
    resilient -- --output run
    expect 'a refusal after a complete run' 78 "$status"
    plan 'up; down stopped; exit 75' 'exit 0'
    resilient -- --output run
    resilient -- --output run
    expect 'a start that did nothing' '75 after 2' "$status after $(calls)"
}

@test "resilient: while a process that is not the launcher's has the lock, it waits" {
    local elsewhere='until grep -qx sleep "/proc/$!/comm"; do sleep 0.02; done'
    plan "setsid sleep 30 & echo \$! >rank; $elsewhere; up \$!; touch began; exit 1" \
        'down complete'
    "$script" -n 2 -- --output run >out 2>err </dev/null 3>&- &
    local resilient=$!
    until [ -e began ]; do sleep 0.02; done
    sleep 2
    expect 'starts while it lives' 1 "$(calls)"
    kill -KILL "$(<rank)"
    ended $resilient
    expect status 0 "$status"
    expect starts 2 "$(calls)"
}

@test "resilient: waits for ranks that outlive their mpirun, and kills those that stay" {
    plan '(sleep 1.5; touch rank-ended) & exit 137' \
        '[ ! -e rank-ended ] || touch alone; sleep 99 & kill -STOP $!; echo $! >rank; exit 137' \
        'grep -qs "^State:.[^ZX]" "/proc/$(<rank)/status" && touch still-there; exit 0'
    # A bare Debian has no program kill.
    ln -s /bin/false kill
    resilient -n 2 -- --output run
    expect status 0 "$status"
    [ -e alone ]
    [ ! -e still-there ]
    grep -q "killing processes that outlived their mpirun by 10 s: $(<rank)$" err
}

@test "resilient: ends an mpirun that does not notice the end of its ranks" {
    plan 'up; sleep 2 & wait; exec sleep 99' 'up; sleep 2 & trap "" TERM; wait; exec sleep 98' \
        'exit 0'
    SECONDS=0
    resilient --max-linger 2 -- --output run
    expect status 0 "$status"
    expect starts 3 "$(calls)"
    expect ends 2 "$(grep -c '^run-resilient: ending mpirun, whose ranks have been gone for 2' err)"
    expect restarts 2 "$(grep -c '^run-resilient: ended with status 137: restart ' err)"
    [ $SECONDS -lt 30 ]
}

@test "resilient: leaves an mpirun alone whose ranks live, are elsewhere or beat, or on request" {
    # Ranks for 4 s; none on this host; none, but a lock that is touched; --max-linger 0.
    local one beats='for i in {1..6}; do touch run/lock; read -t 0.7 -u 9; done'
    local plans=('sleep 4 & up; wait' 'up; read -t 4 -u 9' "sleep 2 & up; wait; $beats")
    mkfifo never
    for one in "${plans[@]}"; do
        plan "exec 9<>never; $one; down complete"
        resilient --max-linger 2 -- --output run
        expect "status of $one" 0 "$status"
        expect "starts of $one" 1 "$(calls)"
    done
    plan 'up; sleep 2 & wait; exec 9<>never; read -t 4 -u 9; down complete'
    resilient --max-linger 0 -- --output run
    expect 'starts with 0' 1 "$(calls)"
    expect errors '' "$(<err)"
    resilient --max-linger x -- --output run
    expect 'wrong usage' 64 "$status"
}

# ---- with mpirun ----

settings=(--data synthetic --train-limit 640 --test-limit 100 --layers 32,10 --batch-size 64
    --epochs 150 --virtual-ranks 4)

# Runs a command in a terminal, whose keys are what comes on standard input.
in_terminal='import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'

# start_and_halt [WORD...]: starts a run on three ranks, which stand still at their first
# checkpoint: $ranks. Sets $resilient to the script, or to what the words in front of it start. Its
# standard input is what is written to file descriptor 8.
start_and_halt() {
    [ -e whole ] || train 1 "${settings[@]}" --output whole
    rm -rf run began-* keys
    mkfifo keys
    exec 8<>keys
    cat >halting <<'EOT'
#!/bin/sh
if [ -n "$OMPI_COMM_WORLD_RANK" ] && mkdir "began-$OMPI_COMM_WORLD_RANK" 2>/dev/null; then
    (
        until ls run/checkpoints/step-*.h5; do
            kill -0 $$ || exit
            sleep 0.02
        done
        kill -STOP $$
    ) >/dev/null 2>&1 &
fi
exec "$trained" "$@"
EOT
    chmod +x halting
    export trained=$program PROGRAM=$work/halting
    "$@" "$script" -n 3 -- "${settings[@]}" --output "$work/run" >out 2>err <keys 3>&- 8>&- &
    resilient=$!
    for _ in {1..300}; do
        mapfile -t ranks < <(processes "^T [0-9]+ [^ ]*dist-train .*$work/run ")
        [ ${#ranks[@]} -lt 3 ] || return 0
        sleep 0.1
    done
    cat err
    kill -KILL "$resilient"
    return 1
}

# The script has ended well, and its run is the one that nothing happened to.
ends_well() {
    ended "$1"
    expect status 0 "$status" || { cat err && return 1; }
    expect restarts "$2" "$(grep -c 'run-resilient: ended with .*: restart' err)"
    expect hash "$(summary parameter_hash whole)" "$(summary parameter_hash run)"
    diff <(metrics whole) <(metrics run)
}

@test "resilient: a killed rank costs the steps since the last checkpoint" {
    start_and_halt
    kill -KILL "${ranks[1]}"
    ends_well "$resilient" 1
}

# mpirun of Open MPI 5 becomes prterun.
@test "resilient: a killed mpirun too, even if its ranks stand still" {
    local mpirun
    start_and_halt
    mpirun=$(processes "^. $resilient [^ ]*(mpirun|prterun) ")
    kill -KILL "$mpirun"
    ends_well "$resilient" 1
}

# asked: every rank, standing still, has a USR1 that waits for it.
asked() {
    local rank pending
    for rank in "${ranks[@]}"; do
        pending=$(sed -n 's/^ShdPnd:\t//p' "/proc/$rank/status")
        ((0x$pending & 1 << 9)) || return 1
    done
}

# stopped_and_goes_on: the ranks, asked to stop, have done so; another start ends the run.
stopped_and_goes_on() {
    for _ in {1..300}; do
        ! asked || break
        sleep 0.1
    done
    asked || { cat out err && return 1; }
    kill -CONT "${ranks[@]}"
    ended "$resilient"
    expect status 75 "$status" || { cat out err && return 1; }
    expect 'status of the run' stopped "$(summary status)"
    "$script" -n 2 -- "${settings[@]}" --output "$work/run" >out 2>err </dev/null 3>&- 8>&- &
    resilient=$!
    ends_well "$resilient" 0
}

@test "resilient: USR1 and TERM lead to a checkpoint, and the same command goes on" {
    local signal
    for signal in USR1 TERM; do
        start_and_halt
        kill "-$signal" "$resilient"
        stopped_and_goes_on
    done
}

@test "resilient: Ctrl-C leads to a checkpoint, and the same command goes on" {
    # A shell starts what is in its background with INT ignored.
    start_and_halt env --default-signal=INT "$python" -c "$in_terminal"
    printf '\003' >&8
    stopped_and_goes_on
}
