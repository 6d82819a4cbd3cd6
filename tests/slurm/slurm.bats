#!/usr/bin/env bats
# scripts/slurm/train.sbatch under a real Slurm of four nodes on this machine: whatever happens to
# the job, it ends with the bits of a run that nothing happened to. Skipped, with the reason, where
# mini-cluster.sh cannot start one.
# shellcheck disable=SC2030,SC2031 # a test's settings are meant for it alone
# shellcheck disable=SC2016,SC2154 # for a program's own shell; set by setup_file

bats_require_minimum_version 1.5.0
load ../runs/helpers

settings=(--data synthetic --train-limit 640 --test-limit 100 --layers "32, 10" --batch-size 64
    --optimizer adam --epochs 40)

setup_file() {
    local status=0
    top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    base=$(mktemp -d)
    chmod 711 "$base" # munged wants to be reached
    export top base MINI_CLUSTER=$base/mini unavailable=''
    cluster up 4 2 >"$base/up" 2>&1 || status=$?
    case $status in
        0) ;;
        69) unavailable=$(<"$base/up") && return ;;
        *) cat "$base/up" && return 1 ;;
    esac
    make_tree
    "$top/dist-train" "${settings[@]}" --virtual-ranks 4 --output "$base/undisturbed" \
        >"$base/out" 2>&1 </dev/null || { cat "$base/out" && return 1; }
}

teardown_file() {
    cluster down
    rm -rf "$base"
}

# A source tree of its own, for jobs write where they were submitted.
make_tree() {
    mkdir -p "$base/tree/scripts/slurm"
    cp "$top/scripts/slurm/train.sbatch" "$base/tree/scripts/slurm"
    ln -s "$top/dist-train" "$base/tree/dist-train"
    printf '[model]\nlayers = 100, 10\n' >"$base/tree/my.ini"
    # A dist-train whose first start stands still once it has a checkpoint.
    cat >"$base/tree/halting" <<'EOT'
#!/bin/sh
if [ -z "$SLURM_RESTART_COUNT" ] && [ "$*" = "${*%--print-config}" ] && [ "$1" != watch ]; then
    (
        until ls "runs/job-$SLURM_JOB_ID"/checkpoints/step-*.h5; do
            kill -0 $$ || exit
            sleep 0.02
        done
        kill -STOP $$
    ) >/dev/null 2>&1 &
fi
exec "$top/dist-train" "$@"
EOT
    chmod +x "$base/tree/halting"
}

setup() {
    [ -z "$unavailable" ] || skip "$unavailable"
    cd "$base/tree" || return
    local name
    for name in $(compgen -e | grep -E '^(DIST_TRAIN_|SLURM_|SBATCH_)' | grep -v _CONF); do
        unset "$name"
    done
    unset PROGRAM LAUNCH MAX_RESTARTS SETTLE REPEAT job
}

# A test that fails shows what its job has said.
teardown() {
    [ -z "${job:-}" ] || [ -n "$BATS_TEST_COMPLETED" ] || cat "dist-train-$job.out"
    [ -z "${job:-}" ] || cluster run scancel --quiet --partition main
}

cluster() {
    timeout 100 "$BATS_TEST_DIRNAME/mini-cluster.sh" "$@" 3>&-
}

# submit [SBATCH OPTION...] -- ARGUMENT...: sets $job, $directory, $log.
submit() {
    local options=()
    while [ "$1" != -- ]; do options+=("$1") && shift; done
    look_at "$(cluster run sbatch --parsable "${options[@]}" scripts/slurm/train.sbatch "${@:2}")"
}

# look_at JOB: sets $job, $directory, $log.
look_at() {
    job=$1 directory=runs/job-$1 log=dist-train-$1.out
}

# within SECONDS COMMAND...: tries until it is true.
within() {
    local end=$((SECONDS + $1))
    until "${@:2}"; do
        [ "$SECONDS" -lt "$end" ] || { echo "not within $1 s: ${*:2}" && return 1; }
        sleep 0.1
    done
}

says() {
    grep -qsE -- "$1" "$log"
}

# field NAME: of the job, as scontrol shows it.
field() {
    cluster run scontrol --oneliner show job "$job" | grep -o " $1=[^ ]*" | head -n 1 | cut -d= -f2
}

has_ended() {
    [[ $(field JobState) =~ ^(COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL|OUT_OF_MEMORY)$ ]]
}

# ends STATE STATUS RESTARTS: the job comes to this end.
ends() {
    within 150 has_ended
    expect 'the job' "$1 $2:0, $3 restarts" \
        "$(field JobState) $(field ExitCode), $(field Restarts) restarts"
}

# is_undisturbed [RUN]: the run is complete and has the bits, and the rows, of the undisturbed one.
is_undisturbed() {
    local undisturbed=${1:-$base/undisturbed}
    expect status complete "$(summary status "$directory")"
    expect hash "$(summary parameter_hash "$undisturbed")" "$(summary parameter_hash "$directory")"
    expect metrics "$(metrics "$undisturbed")" "$(metrics "$directory")"
}

is_complete() {
    [ "$(summary status "$directory" 2>/dev/null)" = complete ]
}

# Starts a job on two nodes; its ranks stand still after their first checkpoint.
submit_and_halt() {
    PROGRAM=$PWD/halting submit -N 2 -n 4 -t 5 "$@" -- "${settings[@]}"
    within 60 halted
}

# processes_there REGEX: processes of the cluster, see helpers.bash.
processes_there() {
    cluster run bash -c "$(declare -f processes)"$'\nprocesses "$1"' bash "$1"
}

# ranks [STATE]: their numbers.
ranks() {
    processes_there "^${1-.} [0-9]+ [^ ]*dist-train .*--output $directory "
}

halted() {
    [ "$(ranks T | wc -l)" = 4 ]
}

# signal NAME NUMBER...: with the shell's own kill, for another need not be installed.
signal() {
    cluster run sh -c 'kill "-$0" "$@"' "$@"
}

continue_ranks() {
    local numbers
    mapfile -t numbers < <(ranks)
    signal CONT "${numbers[@]}"
}

# nodes_of_job: their names, the batch script's first.
nodes_of_job() {
    cluster run scontrol show hostnames "$(field NodeList)"
}

repair() {
    cluster start-node "$1"
    within 30 node_answers "$1"
}

node_answers() {
    [[ $(cluster run sinfo -h -n "$1" -o %T) == @(idle|mixed|allocated) ]] ||
        { cluster run scontrol update nodename="$1" state=resume 2>/dev/null && false; }
}

@test "slurm: the script works as it is, with a config file and options" {
    submit -- my.ini --data synthetic --train-limit 500 --epochs 2 --seed 7
    ends COMPLETED 0 0
    expect ranks 4 "$(summary ranks "$directory")"
    grep -q '^layers = dense 100 relu, dense 10$' "$directory/config.ini"
    grep -q '^seed = 7$' "$directory/config.ini"
    says "4 ranks on n\[1-2\] by mpirun, output in $directory\$"
}

@test "slurm: on one node, on four, and by srun --mpi=pmix: the same bits" {
    local nodes
    for nodes in 1 4; do
        submit -N "$nodes" -n "$((nodes == 1 ? 2 : 4))" -t 5 -- "${settings[@]}" --virtual-ranks 4
        ends COMPLETED 0 0
        expect hosts "$nodes" "$(summary hosts "$directory")"
        is_undisturbed
    done
    export LAUNCH='srun --mpi=pmix'
    submit -N 2 -n 4 -t 5 -- "${settings[@]}"
    ends COMPLETED 0 0
    expect ranks 4 "$(summary ranks "$directory")"
    is_undisturbed
}

# MPICH's ranks ask again and again while they wait for another node: more of them than this machine
# has processors, which the nodes only seem to have, would take a time slice for each message. And
# with UCX one in four or so hangs in MPI_Finalize there, when all is done (pmodels/mpich#6596).
@test "slurm: built with MPICH, by srun --mpi=pmi2, on one node and on two: the same bits" {
    local nodes short=("${settings[@]/#40/4}" --virtual-ranks 4)
    export PROGRAM=$top/build-mpich/dist-train LAUNCH='srun --mpi=pmi2'
    [ -x "$PROGRAM" ] || skip 'there is no build with MPICH: make test-mpich'
    cluster run srun --mpi=list 2>&1 | grep -qw pmi2 || skip 'this Slurm has no pmi2'
    "$top/dist-train" "${short[@]}" --output short >short.out 2>&1 </dev/null
    for nodes in 1 2; do
        submit -N "$nodes" -n 2 -t 5 -- "${short[@]}"
        [ "$nodes" = 2 ] || ends COMPLETED 0 0
        within 100 is_complete
        expect 'ranks and hosts' "2 $nodes" \
            "$(summary ranks "$directory") $(summary hosts "$directory")"
        is_undisturbed short
    done
}

@test "slurm: how the run has ended counts, not how the launcher has" {
    printf '#!/bin/sh\nmpirun "$@"\nexit "$LIE"\n' >liar
    chmod +x liar
    export LAUNCH=$PWD/liar LIE=1
    submit -n 2 -- "${settings[@]}" --virtual-ranks 4
    ends COMPLETED 0 0
    is_undisturbed
    LIE=0 submit -n 2 --no-requeue -- "${settings[@]}" --max-time 0.0001
    ends FAILED 75 0
    says 'stopped with a checkpoint: requeue'
}

@test "slurm: every rank has one thread" {
    cat >threads <<'EOT'
#!/bin/sh
[ "$*" = "${*%--print-config}" ] || exec "$top/dist-train" "$@"
echo "threads of rank: $OMP_NUM_THREADS $OPENBLAS_NUM_THREADS"
EOT
    chmod +x threads
    PROGRAM=$PWD/threads submit -N 2 -n 4 --
    ends COMPLETED 0 0
    expect threads 4 "$(grep -c '^threads of rank: 1 1$' "$log")"
}

@test "slurm: a warning of Slurm leads to a checkpoint and another start" {
    export SETTLE=1 LAUNCH
    for LAUNCH in mpirun 'srun --mpi=pmix'; do
        submit_and_halt
        cluster run scancel --batch --signal=USR1 "$job"
        within 20 says 'asking for a checkpoint'
        continue_ranks
        ends COMPLETED 0 1
        says 'stopped with a checkpoint: requeue'
        is_undisturbed
    done
}

@test "slurm: a warning while the ranks start is held back" {
    export SETTLE=8
    PROGRAM=$PWD/halting submit -N 2 -n 4 -t 5 -- "${settings[@]}"
    within 60 says '4 ranks on'
    cluster run scancel --batch --signal=USR1 "$job"
    within 60 halted
    within 20 says 'asking for a checkpoint'
    continue_ranks
    ends COMPLETED 0 1
    says '^stopped by .* after step'
    is_undisturbed
}

# The limit of a minute comes while the ranks stand still: they need not work through it. The second
# job is warned too late, and ended by TERM at the limit; both together, for Slurm's minute is long.
@test "slurm: at the time limit the job stops with a checkpoint, or without, and goes on" {
    submit_and_halt -t 1 --signal=B:USR1@30
    local warned=$job
    submit_and_halt -t 1 --signal=B:USR1@1
    local late=$job
    look_at "$warned"
    within 60 says 'asking for a checkpoint'
    continue_ranks
    look_at "$late"
    within 130 says 'ended by the time limit: requeue'
    ends COMPLETED 0 1
    is_undisturbed
    look_at "$warned"
    within 150 has_ended
    [ "$(field Restarts)" -ge 1 ]
    ends COMPLETED 0 "$(field Restarts)"
    says 'stopped with a checkpoint: requeue'
    is_undisturbed
}

@test "slurm: scontrol requeue" {
    submit_and_halt
    cluster run scontrol requeue "$job"
    ends COMPLETED 0 1
    is_undisturbed
}

@test "slurm: two jobs lose a node each: one its second, one that of its batch script" {
    submit_and_halt -t 5
    local one=$job nodes node
    submit_and_halt -t 5
    nodes=$(nodes_of_job | head -n 1)
    look_at "$one"
    nodes+=" $(nodes_of_job | tail -n 1)"
    for node in $nodes; do cluster kill-node "$node"; done
    ends COMPLETED 0 1
    is_undisturbed
    look_at "$((one + 1))"
    ends COMPLETED 0 1
    is_undisturbed
    for node in $nodes; do repair "$node"; done
}

@test "slurm: a node that is lost before the first checkpoint" {
    failing '[ -n "$SLURM_RESTART_COUNT" ] || exec sleep 987'
    submit -N 2 -n 2 -t 5 -- --output failing
    within 60 all_sleep
    local node
    node=$(nodes_of_job | tail -n 1)
    cluster kill-node "$node"
    ends COMPLETED 0 1
    says 'a node is lost: requeue'
    repair "$node"
}

all_sleep() {
    [ "$(processes_there '^. [0-9]+ sleep 987$' | wc -l)" = 2 ]
}

@test "slurm: scancel ends the job for good, and leaves a run that can go on" {
    submit_and_halt
    cluster run scancel "$job"
    within 60 has_ended
    expect state CANCELLED "$(field JobState)"
    within 20 says 'ended with status'
    sleep 5 # a requeued job would be back
    expect 'state later' CANCELLED "$(field JobState)"
    expect 'ranks left' 0 "$(ranks | wc -l)"
    "$top/dist-train" "${settings[@]}" --output "$directory" --resume auto </dev/null
    is_undisturbed
}

@test "slurm: a killed rank costs the steps since the last checkpoint" {
    submit_and_halt
    signal KILL "$(ranks | sort -n | tail -n 1)"
    ends COMPLETED 0 1
    says 'failed with a new checkpoint: requeue'
    is_undisturbed
}

@test "slurm: a program that cannot start or go on is not started again" {
    submit -n 2 -- --btach-size 3
    ends FAILED 64 0
    says 'did you mean --batch-size'
    submit -n 2 -- missing.ini
    ends FAILED 66 0
    submit -n 2 -- --data "$base"
    ends FAILED 66 0
    failing 'exit 3'
    submit -n 1 -- --output failing
    ends FAILED 3 0
    PROGRAM=/no/program submit -n 1 -- --output failing
    ends COMPLETED 0 0
}

# failing LINE: a program that does LINE once it has been asked for its settings; `save STEP` in it.
failing() {
    cat >fails <<'EOT'
#!/bin/bash
[ "$*" = "${*%--print-config}" ] || exec "$top/dist-train" "$@"
save() {
    mkdir -p failing/checkpoints
    touch "failing/checkpoints/step-$(printf %08d "$1").h5"
}
EOT
    echo "$1" >>fails
    chmod +x fails
    rm -rf failing starts
    export PROGRAM=$PWD/fails
}

@test "slurm: gives up after MAX_RESTARTS without a newer checkpoint" {
    export MAX_RESTARTS=1
    failing 'exit 71'
    submit -n 1 -- --output failing
    ends FAILED 71 1
    says 'a rank hangs or has died, but no newer checkpoint than step -1 in 1 restarts: giving up'
    failing 'echo >>starts; n=$(wc -l <starts); save $((n < 3 ? n : 2)); exit 75'
    submit -n 1 -- --output failing
    ends FAILED 75 3
    expect 'starts' 4 "$(wc -l <starts)"
}

@test "slurm: a job that Slurm itself starts again and again gives up too" {
    export MAX_RESTARTS=0
    failing 'sleep 60'
    submit -n 1 -- --output failing
    within 60 says '1 ranks on'
    cluster run scontrol requeue "$job"
    ends FAILED 75 1
    says 'no newer checkpoint than step -1 in 0 restarts: giving up'
}

@test "slurm: the file stop and --no-requeue end a job that could go on" {
    submit_and_halt
    touch "$directory/stop"
    continue_ranks
    ends FAILED 75 0
    says "stopped by $directory/stop"
    export SETTLE=1
    submit_and_halt --no-requeue
    cluster run scancel --batch --signal=USR1 "$job"
    within 20 says 'asking for a checkpoint'
    continue_ranks
    ends FAILED 75 0
    says "a job with --output $directory goes on with this run"
    submit -N 1 -n 2 -t 5 -- "${settings[@]}" --output "$directory"
    ends COMPLETED 0 0
    directory=runs/job-$((job - 1))
    is_undisturbed
}

@test "slurm: a job with the number of an earlier one touches nothing of it" {
    mkdir -p "runs/job-$((job_number = $(last_job) + 1))"
    submit -n 1 -- --data synthetic --train-limit 100 --epochs 1
    expect 'number' "$job_number" "$job"
    ends FAILED 73 0
    says 'choose an --output'
    expect content '' "$(ls "$directory")"
}

last_job() {
    cluster run squeue -h -t all -o %A | sort -n | tail -n 1
}

@test "mini-cluster: down ends jobs and daemons and leaves nothing" {
    export MINI_CLUSTER=$base/other
    cluster up 2 1
    run -1 cluster up 2 1
    expect 'second up' "mini-cluster: $MINI_CLUSTER exists: take that cluster down first" "$output"
    cluster run sbatch -N 2 -o /dev/null --wrap 'echo >started; srun sleep 987.65' >/dev/null
    within 30 [ -e started ]
    cluster run touch "/dev/shm/of-${base##*/}"
    [ ! -e "/dev/shm/of-${base##*/}" ]
    cluster down
    [ ! -e "$MINI_CLUSTER" ]
    expect 'processes left' '' \
        "$(grep -lae 987.65 -e "$MINI_CLUSTER" /proc/[0-9]*/cmdline 2>/dev/null)"
    run -69 cluster run true
    run -64 cluster up 2
}
