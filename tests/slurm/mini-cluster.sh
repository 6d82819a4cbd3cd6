#!/usr/bin/env bash
# A Slurm of several nodes on one machine, for the tests of scripts/slurm.
set -euo pipefail

usage() {
    cat <<'EOT'
Usage: tests/slurm/mini-cluster.sh up NODES CPUS      nodes n1 to nNODES, CPUS each
       tests/slurm/mini-cluster.sh run COMMAND...     as on a login node: sbatch, squeue, ...
       tests/slurm/mini-cluster.sh kill-node nK       power failure: all its processes die at once
       tests/slurm/mini-cluster.sh start-node nK      switches it on again
       tests/slurm/mini-cluster.sh down               ends all, jobs too

A real munged, slurmctld and slurmd for each node, with host names and /dev/shm of their own. All
of it lives in namespaces and in one directory: nothing outside changes, no port is taken, and no
process outlives `down`. Slurm believes in the CPUS whatever the machine has. Needs root and
the packages munge, slurmctld, slurmd, slurm-client.

  MINI_CLUSTER   directory of the cluster's state (default /tmp/mini-cluster)

Exit code: that of COMMAND for run; 0 done, 1 failed, 64 wrong usage, 69 no cluster on this machine.
EOT
}

state=${MINI_CLUSTER:-/tmp/mini-cluster}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export SLURM_CONF=$state/slurm.conf

# Namespaces whose first process takes everything with it when it ends.
new_room=(--net --uts --ipc --mount --pid --fork --kill-child --mount-proc)
new_node=(--uts --ipc --mount --pid --fork --kill-child --mount-proc)

fail() {
    printf 'mini-cluster: %s\n' "$1" >&2
    exit "${2:-1}"
}

# What the daemons complain of, for a cluster that does not come up.
fail_with_logs() {
    grep -hiE 'error|fatal' "$state"/log/* 2>/dev/null |
        grep -vE 'state file|backup state' | tail -n 20 >&2 || true
    fail "$1"
}

namespace() {
    readlink "/proc/$1/ns/pid_for_children" 2>/dev/null
}

# A zombie is not alive: the first process of a container may never reap.
alive() {
    grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"
}

# in_room COMMAND...: $room is the parent of the room's first process.
in_room() {
    nsenter --target "$room" --net --uts --ipc --mount \
        --pid="/proc/$room/ns/pid_for_children" --wd="$PWD" -- "$@"
}

# ---- inside the room ----

write_config() {
    local nodes=$1 cpus=$2 names="n[1-$1]" ports="7001-$((7000 + $1))"
    [ "$nodes" -gt 1 ] || names=n1 ports=7001
    cat >"$SLURM_CONF" <<EOT
ClusterName=mini
SlurmctldHost=login(127.0.0.1)
SlurmctldPort=7000
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A job that is requeued waits until credentials of its last run have expired: 120 s by
# default, and 5 s at least.
AuthInfo=socket=$state/munge/munge.sock,cred_expire=5
CredType=cred/munge
StateSaveLocation=$state/save
SlurmdSpoolDir=$state/spool/%n
# srun --mpi=pmix makes its directories there: one a node, or the tasks of two nodes collide.
TmpFS=$state/tmp/%n
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd-%n.pid
SlurmctldLogFile=$state/log/slurmctld.log
SlurmdLogFile=$state/log/slurmd-%n.log
SlurmctldDebug=verbose
SlurmdDebug=verbose
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0,bf_interval=2
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=1
KillWait=5
MinJobAge=3600
MessageTimeout=10
SlurmctldTimeout=10
SlurmdTimeout=6
MpiDefault=none
NodeName=$names NodeHostname=login NodeAddr=127.0.0.1 Port=$ports CPUs=$cpus State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE OverSubscribe=NO State=UP
EOT
}

start_munge() {
    munged --foreground --socket="$state/munge/munge.sock" \
        --key-file="$state/munge/munge.key" --pid-file="$state/munge/munged.pid" \
        --log-file="$state/log/munged.log" --seed-file="$state/munge/munged.seed" &
    until [ -S "$state/munge/munge.sock" ]; do
        kill -0 $! 2>/dev/null || fail 'munged did not start'
        sleep 0.02
    done
}

# The first process of a node: it reaps, as the first process of a machine does.
node() {
    hostname "$1"
    mount -t tmpfs -o mode=1777 tmpfs /dev/shm
    rm -rf "$state/tmp/$1"
    mkdir -p "$state/tmp/$1" "$state/spool/$1"
    export TMPDIR=$state/tmp/$1
    slurmd -D -N "$1" >"$state/log/slurmd-$1.out" 2>&1 &
    wait $! || true
}

start_node() {
    unshare "${new_node[@]}" "$here/mini-cluster.sh" node "$1" </dev/null &
    echo $! >"$state/nodes/$1"
}

# The first process of the room. It starts the nodes, now and when start-node asks for one: they
# are its children.
room() {
    local nodes=$1 n
    hostname login
    ip link set lo up
    # slurmd looks for an address other than 127.0.0.1 before it takes that one.
    ip address add 198.51.100.1/32 dev lo
    mount -t tmpfs -o mode=1777 tmpfs /dev/shm
    start_munge
    slurmctld -D -i >"$state/log/slurmctld.out" 2>&1 &
    for n in $(seq "$nodes"); do start_node "n$n"; done
    trap 'start_node "$(<"$state/start")"; rm "$state/start"' USR1
    trap exit TERM
    touch "$state/ready"
    while :; do
        sleep infinity &
        wait $! || true
    done
}

# ---- outside ----

check_machine() {
    local reason name
    [ "$(id -u)" -eq 0 ] || fail 'Slurm of several nodes on one machine needs root' 69
    for name in munged slurmctld slurmd sbatch; do
        command -v "$name" >/dev/null ||
            fail "$name is not installed (Debian: munge slurmctld slurmd slurm-client)" 69
    done
    command -v ip >/dev/null || fail 'ip is not installed (package iproute2)' 69
    reason=$(unshare "${new_room[@]}" unshare "${new_node[@]}" \
        mount -t tmpfs tmpfs /dev/shm 2>&1) || fail "no namespaces here: $reason" 69
}

make_state() {
    mkdir "$state" 2>/dev/null || fail "$state exists: take that cluster down first"
    mkdir "$state"/{munge,save,spool,tmp,log,nodes}
    chmod 711 "$state"
    chmod 755 "$state/munge"
    (umask 077 && head -c 1024 /dev/urandom >"$state/munge/munge.key")
}

start_room() {
    setsid unshare "${new_room[@]}" "$here/mini-cluster.sh" room "$1" \
        </dev/null >"$state/log/room.out" 2>&1 &
    room=$!
    until alive "$room" && [ "$(namespace "$room")" != "$(namespace $$)" ]; do
        kill -0 "$room" 2>/dev/null || fail_with_logs 'no namespaces'
        sleep 0.01
    done
    echo "$room $(namespace "$room")" >"$state/room"
}

# find_room: sets $room, if it is the process that up has started.
find_room() {
    local noted
    read -r room noted 2>/dev/null <"$state/room" && alive "$room" &&
        [ "$(namespace "$room")" = "$noted" ]
}

# wait_idle N: until so many nodes wait for work.
wait_idle() {
    local end=$((SECONDS + 60)) idle
    while [ "$SECONDS" -lt "$end" ]; do
        alive "$room" || fail_with_logs 'the cluster has ended'
        idle=$(in_room timeout 5 sinfo -h -N -t idle -o %N 2>/dev/null | sort -u | wc -l)
        [ "$idle" -lt "$1" ] || return 0
        sleep 0.2
    done
    fail_with_logs "not $1 idle nodes within 60 s"
}

up() {
    [[ "$*" =~ ^[1-9][0-9]?\ [1-9][0-9]*$ ]] || fail "up: expected NODES CPUS, found '$*'" 64
    check_machine
    make_state
    trap down EXIT
    write_config "$1" "$2"
    start_room "$1"
    wait_idle "$1"
    trap - EXIT
}

need_room() {
    find_room || fail "no cluster is up in $state" 69
}

# What a job's submitter has in its environment, its jobs inherit.
run() {
    need_room
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    export OMPI_MCA_oob_tcp_if_include=lo OMPI_MCA_btl_tcp_if_include=lo
    export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_btl_vader_single_copy_mechanism=none
    in_room "$@"
}

# signal NAME PROCESS: with the shell's own kill, for another need not be installed.
signal() {
    # shellcheck disable=SC2016 # for that shell
    in_room sh -c 'kill "-$0" "$1"' "$@"
}

node_process() {
    [[ ${1-} =~ ^n[1-9][0-9]?$ ]] || fail "expected a node such as n2, found '${1-}'" 64
    need_room
    process=$(cat "$state/nodes/$1" 2>/dev/null) || process=
}

kill_node() {
    node_process "$1"
    [ -n "$process" ] || fail "$1 is not on"
    signal KILL "$process"
    rm "$state/nodes/$1"
}

start_node_again() {
    node_process "$1"
    [ -z "$process" ] || fail "$1 is on"
    echo "$1" >"$state/start"
    signal USR1 1
    while [ -e "$state/start" ]; do sleep 0.02; done
}

down() {
    if find_room; then
        { signal TERM 1 || true; } 2>/dev/null
        for _ in {1..100}; do
            alive "$room" || break
            sleep 0.05
        done
        ! alive "$room" || kill -KILL "$room"
    fi
    rm -rf "$state"
}

case ${1-} in
    up) up "${@:2}" ;;
    run)
        [ $# -gt 1 ] || fail 'run: expected a COMMAND' 64
        run "${@:2}"
        ;;
    kill-node) kill_node "${2-}" ;;
    start-node) start_node_again "${2-}" ;;
    down)
        [ $# -eq 1 ] || fail "down: expected no argument, found '$2'" 64
        down
        ;;
    room) room "${@:2}" ;;
    node) node "${@:2}" ;;
    -h | --help) usage ;;
    *) fail "expected up, run, kill-node, start-node or down, found '${1-}'" 64 ;;
esac
