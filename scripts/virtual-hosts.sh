#!/usr/bin/env bash
# Virtual hosts on one machine, for programs that talk between hosts through MPI.
set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/virtual-hosts.sh up N [--delay TIME] [--rate RATE]
       scripts/virtual-hosts.sh run HOST:SLOTS,... [MPIRUN OPTION...] -- PROGRAM [ARGUMENT...]
       scripts/virtual-hosts.sh down

Makes the hosts dt1 to dtN (N up to 250), each with a network, a host name and a /dev/shm of its
own, on one switch; runs programs on them with Open MPI; takes them away with all that runs on them.
Nothing outside sees them: they live in namespaces with addresses of 198.18.0.0/24, the files and
processes are this machine's. Needs iproute2, and root or user namespaces.

  --delay TIME  between two hosts, one way: 1ms, 50us
  --rate RATE   of each host's link, in each direction: 1gbit, 100mbit
                (with these the switch is a program, virtual_switch.py, and needs python3)

  VIRTUAL_HOSTS       directory that holds their state (default /tmp/virtual-hosts-UID); another
                      one makes other hosts
  OMPI_MCA_<NAME>     as ever; run sets what it needs and mpi_yield_when_idle=1, unless it is set

Exit code: that of mpirun for run; 0 done, 1 failed, 64 wrong usage, 69 no hosts on this machine.
EOT
}

network=198.18.0
mask=24
login=254 # the address of the room, from which mpirun starts; its number on the switch is 0

state=${VIRTUAL_HOSTS:-/tmp/virtual-hosts-$(id -u)}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# All lives in one room: namespaces whose first process takes everything with it when it ends.
new_room=(--net --uts --mount --pid --fork --kill-child --mount-proc)
user=()
if [ "$(id -u)" -ne 0 ]; then
    new_room+=(--user --map-root-user)
    user=(--user --preserve-credentials)
fi

fail() {
    printf 'virtual-hosts: %s\n' "$1" >&2
    exit "${2:-1}"
}

# in_room COMMAND...: $room is the parent of the room's first process.
in_room() {
    nsenter --target "$room" "${user[@]}" --net --uts --mount \
        --pid="/proc/$room/ns/pid_for_children" --wd="$PWD" -- "$@"
}

namespace() {
    readlink "/proc/$1/ns/net" 2>/dev/null
}

# A zombie is not alive: the first process of a container may never reap.
alive() {
    grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"
}

# ---- inside the room, as its first process ----

# new_namespaces OPTION...: sets $anchor to a process that keeps them alive.
new_namespaces() {
    unshare "$@" sleep infinity &
    anchor=$!
    while [ "$(namespace "$anchor")" = "$(namespace $$)" ]; do
        kill -0 "$anchor"
        sleep 0.01
    done
}

# connect NUMBER PID ADDRESS: gives the network namespace of PID a line to the switch.
connect() {
    ip link add eth0 address "$(printf '02:00:00:00:00:%02x' "$1")" netns "$2" \
        type veth peer name "p$1" netns "$switch"
    nsenter --target "$2" --net sh -ec \
        "ip address add $3/$mask dev eth0; ip link set lo up; ip link set eth0 up"
    nsenter --target "$switch" --net ip link set "p$1" up
}

start_bridge() {
    local number
    nsenter --target "$switch" --net ip link add bridge type bridge
    for number in $(seq 0 "$1"); do
        nsenter --target "$switch" --net ip link set "p$number" master bridge
    done
    nsenter --target "$switch" --net ip link set bridge up
}

start_shaped_switch() {
    nsenter --target "$switch" --net python3 "$here/virtual_switch.py" \
        "$1" "$2" "$3" "$state/switch-ready" &
    until [ -e "$state/switch-ready" ]; do
        kill -0 $! 2>/dev/null || fail 'the switch did not start'
        sleep 0.02
    done
}

room() {
    local count=$1 delay=$2 rate=$3 number
    mount --bind "$state/hosts" /etc/hosts
    hostname login
    new_namespaces --net
    switch=$anchor
    connect 0 $$ "$network.$login"
    for number in $(seq "$count"); do
        new_namespaces --net --uts --mount
        echo "$anchor" >"$state/dt$number"
        connect "$number" "$anchor" "$network.$number"
        nsenter --target "$anchor" --uts hostname "dt$number"
        nsenter --target "$anchor" --mount mount -t tmpfs -o mode=1777 tmpfs /dev/shm
    done
    if [ "$delay$rate" = 00 ]; then
        start_bridge "$count"
    else
        start_shaped_switch "$count" "$delay" "$rate"
    fi
    trap exit TERM
    touch "$state/ready"
    wait -n || true
    fail 'a part of the virtual hosts has ended, and with it all of them'
}

# ---- outside ----

# scaled TEXT UNIT=FACTOR...: a positive number with one of the units, in the smallest one.
scaled() {
    local unit
    for unit in "${@:2}"; do
        [[ $1 =~ ^([1-9][0-9]{0,5})${unit%=*}$ ]] || continue
        echo $((BASH_REMATCH[1] * ${unit#*=}))
        return
    done
    return 1
}

parse_up() {
    count=${1-} delay=0 rate=0
    [[ $count =~ ^([1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|250)$ ]] ||
        fail "up: expected a number of hosts from 1 to 250, found '$count'" 64
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            --delay) delay=$(scaled "${2-}" us=1 ms=1000) ||
                fail "--delay: expected a time such as 1ms or 50us, found '${2-}'" 64 ;;
            --rate) rate=$(scaled "${2-}" mbit=1 gbit=1000) ||
                fail "--rate: expected a rate such as 1gbit or 100mbit, found '${2-}'" 64 ;;
            *) fail "up: unknown argument '$1' (--help says what there is)" 64 ;;
        esac
        shift 2
    done
}

# Ends with 69 and the reason if this machine has no such hosts.
check_machine() {
    local reason
    command -v ip >/dev/null || fail 'ip is not installed (package iproute2)' 69
    command -v mpirun >/dev/null || fail 'mpirun is not installed (Open MPI)' 69
    reason=$(unshare "${new_room[@]}" ip link add veth0 type veth peer name veth1 2>&1) ||
        fail "no namespaces here: $reason" 69
}

write_files() {
    local number
    mkdir "$state/tmp"
    {
        echo "127.0.0.1 localhost"
        echo "$network.$login login"
        for number in $(seq "$count"); do echo "$network.$number dt$number"; done
    } >"$state/hosts"
    # What mpirun starts in the place of ssh: HOST COMMAND...
    cat >"$state/enter" <<EOT
#!/bin/sh
host=\$1
shift
exec nsenter --target "\$(cat "$state/\$host")" --net --uts --mount -- sh -c "\$*"
EOT
    chmod +x "$state/enter"
}

# start_room: sets $room to the parent of its first process, which is noted for down.
start_room() {
    VIRTUAL_HOSTS=$state setsid unshare "${new_room[@]}" "$here/virtual-hosts.sh" \
        room "$count" "$delay" "$rate" </dev/null >"$state/log" 2>&1 &
    room=$!
    until alive "$room" && [ "$(namespace "$room")" != "$(namespace $$)" ]; do
        kill -0 "$room" 2>/dev/null || fail "no hosts: $(tail -n 1 "$state/log")"
        sleep 0.01
    done
    echo "$room $(namespace "$room")" >"$state/room"
}

up() {
    parse_up "$@"
    check_machine
    mkdir "$state" 2>/dev/null || fail "$state exists: take those hosts down first"
    trap down EXIT
    write_files
    start_room
    until [ -e "$state/ready" ]; do
        alive "$room" || fail "no hosts: $(tail -n 1 "$state/log")"
        sleep 0.02
    done
    trap - EXIT
}

# find_room: sets $room, if it is the process that up has started.
find_room() {
    local noted
    read -r room noted 2>/dev/null <"$state/room" && alive "$room" &&
        [ "$(namespace "$room")" = "$noted" ]
}

run() {
    local hosts=${1-} options=()
    [[ $hosts =~ ^dt[0-9]+(:[0-9]+)?(,dt[0-9]+(:[0-9]+)?)*$ ]] ||
        fail "run: expected hosts such as dt1:2,dt2:2, found '$hosts'" 64
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    [ $# -gt 1 ] || fail 'run: expected -- PROGRAM after the options of mpirun' 64
    find_room || fail "no hosts are up in $state" 69
    export OMPI_MCA_plm=rsh OMPI_MCA_plm_rsh_agent=$state/enter OMPI_MCA_btl=self,vader,tcp
    export OMPI_MCA_pml=ob1 OMPI_MCA_btl_tcp_if_include=$network.0/$mask
    export OMPI_MCA_oob_tcp_if_include=$network.0/$mask OMPI_MCA_orte_tmpdir_base=$state/tmp
    export OMPI_MCA_mpi_yield_when_idle=${OMPI_MCA_mpi_yield_when_idle-1}
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    in_room mpirun -H "$hosts" --bind-to none "${options[@]}" "${@:2}" </dev/null
}

down() {
    if find_room; then
        # The shell's own kill, for another need not be installed; the shell goes too.
        { in_room sh -c 'kill -TERM 1' || true; } 2>/dev/null
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
    run) run "${@:2}" ;;
    down)
        [ $# -eq 1 ] || fail "down: expected no argument, found '$2'" 64
        down
        ;;
    room) room "${@:2}" ;;
    -h | --help) usage ;;
    *) fail "expected up, run or down, found '${1-}' (--help says more)" 64 ;;
esac
