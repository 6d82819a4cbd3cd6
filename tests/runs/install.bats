#!/usr/bin/env bats
# What is installed, from where it is installed: program, manual page, completion, scripts; and the
# tarball.
# shellcheck disable=SC2154 # helpers.bash sets what seems unset

load helpers

setup() {
    common_setup
    root="$work/a root"
}
teardown() { common_teardown; }

# in_tree TARGET VARIABLE...: make in the source tree.
in_tree() {
    make --no-print-directory -C "$top" "$@" >make.log 2>&1 && return
    cat make.log
    return 1
}

installed() { (cd "$root" && find . -type f | LC_ALL=C sort); }

# ---- install and uninstall ----

@test "install puts everything in its place, with DESTDIR and PREFIX" {
    in_tree install DESTDIR="$root" PREFIX=/opt/x
    local config expected
    expected=$(
        for config in "$top"/configs/*.ini; do
            echo "./opt/x/share/dist-train/configs/${config##*/}"
        done
        printf './opt/x/%s\n' bin/dist-train share/bash-completion/completions/dist-train \
            share/dist-train/{get-mnist.sh,ranks.sh,run-resilient.sh,train.sbatch} \
            share/doc/dist-train/{LICENSE,README.md} share/man/man1/dist-train.1
    )
    expect "files" "$(LC_ALL=C sort <<<"$expected")" "$(installed)"
    expect "programs" "$(grep -E '/bin/|\.(sh|sbatch)$' <<<"$expected" | LC_ALL=C sort)" \
        "$(cd "$root" && find . -type f -perm 755 | LC_ALL=C sort)"
    expect "other modes" "" "$(find "$root" ! -perm 755 ! -perm 644)"
    cmp "$program" "$root/opt/x/bin/dist-train"
}

@test "uninstall removes what install put there, and nothing else" {
    local places file directory
    places=(DESTDIR="$root" PREFIX=/p bindir=/b mandir=/m docdir=/d completionsdir=/c)
    (umask 077 && in_tree install "${places[@]}")
    expect "other modes" "" "$(find "$root" -type f ! -perm 755 ! -perm 644)"
    for directory in b m/man1 d c p/share/dist-train p/share/dist-train/configs; do
        [ -d "$root/$directory" ]
        echo mine >"$root/$directory/mine"
    done
    in_tree uninstall "${places[@]}"
    expect "files left" "$(printf './%s/mine\n' b c d m/man1 p/share/dist-train/configs \
        p/share/dist-train)" "$(installed)"
    find "$root" -name mine -delete
    in_tree uninstall "${places[@]}"
    expect "directories left" "b c m m/man1 p p/share" \
        "$(cd "$root" && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort | words)"
}

@test "installed scripts find the installed program" {
    make_data data 40 20 12
    in_tree install PREFIX="$work/p"
    timeout -k 5 "$limit" p/share/dist-train/run-resilient.sh -n 2 -- \
        --data data --layers 10 --epochs 1 --output a >out 2>err
    expect "status" complete "$(summary status a)"
    p/share/dist-train/get-mnist.sh --help | grep -q MNIST

    cat >scontrol <<'EOT'
#!/bin/bash
echo "   Command=$0"
EOT
    sed -i "s|\$0|$work/p/share/dist-train/train.sbatch|" scontrol
    chmod +x scontrol
    # Slurm runs a copy of the script.
    cp p/share/dist-train/train.sbatch copy
    PATH=$work:$PATH SLURM_JOB_ID=7 SLURM_NTASKS=2 SLURM_JOB_NODELIST=here \
        LAUNCH="${launcher[*]} -np 2" timeout -k 5 "$limit" ./copy \
        "$work/p/share/dist-train/configs/quickstart.ini" --data data --layers 10 --epochs 1 \
        >out 2>&1
    expect "status" complete "$(summary status runs/job-7)"

    in_tree install PREFIX="$work/q" bindir="$work/elsewhere"
    PATH=$work/elsewhere:$PATH timeout -k 5 "$limit" q/share/dist-train/run-resilient.sh -n 1 -- \
        --data data --layers 10 --epochs 1 --output b >out 2>err
    expect "status" complete "$(summary status b)"
}

# ---- manual page, README ----

@test "the manual page has every option, and every file of a run" {
    local name file
    "$program" --generate man >page.1
    "$program" --help | grep -oE '^  (-[a-z], )?--(\[no-\])?[a-z][a-z0-9-]*' |
        sed -E 's/.*--(\[no-\])?//' | sort -u >names
    at_least "$(wc -l <names)" 60
    while read -r name; do
        grep -qxE "(\\\\fB.*)?\\\\fB${name//-/\\\\-}\\\\fR.*" page.1 ||
            { echo "--$name is missing" && return 1; }
    done <names
    "$program" --help | sed -n '/^Exit codes:/,$ s/^ *\([0-9]\|[0-9][0-9, ]*[0-9]\)  .*/\1/p' >codes
    expect "exit codes" "$(words <codes)" \
        "$(sed -n '/^.SH EXIT/,/^.SH EXA/ s/^\\fB\([0-9, ]*\)\\fR$/\1/p' page.1 | words)"
    make_data data 40 20 12
    train 0 --data data --layers 10 --epochs 1 --val-fraction 0.2 --output run
    for file in run/*; do
        sed 's/\\-/-/g' page.1 | grep -q "^..IRUN/${file##*/}" ||
            { echo "$file is missing" && return 1; }
    done
}

@test "the manual page is good roff" {
    command -v man groff || skip "man or groff is not installed"
    "$program" --generate man >man.1
    expect "warnings" "" \
        "$(MANROFFSEQ='' MANWIDTH=80 man --warnings -l -Tascii man.1 2>&1 >page.txt)"
    grep -q -- '--batch-size SAMPLES' <(sed 's/.\x08//g; s/\x1b\[[0-9;]*m//g' page.txt)
}

# ---- completion ----

# complete_words WORD...: what bash would offer for the last one, in $offered.
complete_words() {
    COMP_WORDS=(dist-train "$@") COMP_CWORD=$# COMPREPLY=()
    _dist_train dist-train "${@: -1}" "${COMP_WORDS[COMP_CWORD - 1]}"
    offered=${COMPREPLY[*]}
}

# offers EXPECTED WORD...
offers() {
    complete_words "${@:2}"
    expect "completion of: ${*:2}" "$1" "$offered"
}

# The same, of files: which come in no order.
offers_sorted() {
    complete_words "${@:2}"
    expect "completion of: ${*:2}" "$1" \
        "$(printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort | words)"
}

load_completion() {
    "$program" --generate bash >completion
    # shellcheck source=/dev/null
    source completion
}

@test "completion: commands, and the options of each" {
    load_completion
    local name command
    "$program" --help >help.txt
    sed -n '/^Commands:/,/^$/ s/^  \([a-z][a-z]*\) .*/\1/p' help.txt >commands.txt
    offers "$(words <commands.txt)" ''
    offers predict pred
    sed -n '/^\[/,/^Each setting/ s/^  --\(\[no-\]\)\{0,1\}\([a-z0-9-]*\).*/\2/p' help.txt |
        sort >settings.txt
    at_least "$(wc -l <settings.txt)" 50
    complete_words --
    expect "missing settings" "" "$(sed 's/^/--/' settings.txt |
        grep -vxFf <(printf '%s\n' "${COMPREPLY[@]}"))"
    # "name owner owner ...": each command gets those of the program's flags that are its own.
    sed -n '/^Options:/,/^Settings,/p' help.txt | awk '
        /^  -/ { print entry; entry = "" } { entry = entry " " $0 } END { print entry }' |
        sed -nE "s/^ +(-., )?--([a-z-]+) .*  (($(paste -sd'|' commands.txt)|, )+): .*/\2 \3/p; t
            s/^ +(-., )?--([a-z-]+) .*/\2 $(words <commands.txt)/p" | tr -d , >flags.txt
    at_least "$(wc -l <flags.txt)" 15
    while read -r command; do
        complete_words "$command" --
        expect "flags of $command" \
            "$(sed -n "s/ .*\<$command\>.*//p" flags.txt | sort -u | grep -vxFf settings.txt)" \
            "$(printf '%s\n' "${COMPREPLY[@]#--}" | sed 's/^no-//' | sort -u |
                grep -vxFf settings.txt)"
    done <commands.txt
}

@test "completion: eval has eval's flags and settings only" {
    load_completion
    local name
    complete_words eval --
    for name in weights split csv json data test-limit seed; do
        [[ " $offered " == *" --$name "* ]]
    done
    for name in epochs optimizer batch-size output resume dry-run quick; do
        [[ " $offered " != *" --$name "* ]]
    done
    expect "repeated" "" "$(printf '%s\n' "${COMPREPLY[@]}" | sort | uniq -d)"
    offers "$(choices eval split)" eval --split ''
    offers "$(names split)" --split ''
    offers "--seed" eval --data x --see
    offers "" eval --opti
    offers "" eval --seed 1 --see
    offers "--seed" eval --weights w --split = val --see
}

@test "completion: values, with and without =" {
    load_completion
    offers "--optimizer" --opti
    local setting with=() name
    for setting in optimizer schedule loss activation; do
        offers "$(names $setting)" --$setting ''
        offers "$(names $setting)" --epochs 3 --$setting =
    done
    for name in $(names optimizer); do
        [[ $name != ad* ]] || with+=("$name")
    done
    at_least ${#with[@]} 3
    offers "${with[*]}" --optimizer = ad
    offers "${with[*]}" --optimizer ad
    offers "${with[*]/#/--optimizer=}" --optimizer=ad
    offers "128,64,10" --layers =
    offers "" --layers = 5
    offers "0.9" --beta1 ''
    offers "auto" --weight_decay ''
    offers "true false" --bias =
    offers "--no-bias" --no-b
    offers "" --no-bias --bi
}

@test "completion: files and directories" {
    load_completion
    mkdir 'a dir'
    touch 'a dir/x.ini' a.png
    offers_sorted "a dir a.png" --config a
    offers_sorted "a dir/x.ini" --config = 'a dir/'
    offers_sorted "a dir" --output = 'a '
    offers_sorted "a dir auto" --data a
    offers_sorted "a.png" predict --weights w.h5 a.
    offers_sorted "a.png" predict -- a.
    offers_sorted "a.png" predict --json a.
    offers_sorted "a dir a.png" inspect a
    offers_sorted "" train a
}

@test "completion is clean bash, and bash loads it on demand" {
    load_completion
    complete -p dist-train | grep -q 'complete -F _dist_train dist-train'
    if command -v shellcheck; then shellcheck -s bash completion; fi
    expect "other output" "" "$(bash -u -c '
        . ./completion
        COMP_WORDS=(dist-train --opt) COMP_CWORD=1
        _dist_train' 2>&1)"
    [ -e /usr/share/bash-completion/bash_completion ] || skip "bash-completion is not installed"
    in_tree install PREFIX="$work/p"
    expect "loaded" "complete -F _dist_train dist-train" "$(XDG_DATA_HOME=$work/p/share bash -c '
        . /usr/share/bash-completion/bash_completion
        _completion_loader dist-train
        complete -p dist-train')"
}

# ---- the tarball ----

@test "make dist gives the same bytes twice; they build, pass and install without git" {
    [ -e "$top/.git" ] || skip "not a git checkout"
    local name
    # A checkout of its own: make dist writes into the tree.
    git clone -q "$top" clone
    make --no-print-directory -C clone dist >make.log
    name=$(basename clone/dist-train-*.tar.gz)
    mv "clone/$name" .
    git -C clone config tar.umask 0077
    sleep 1
    (umask 077 && TZ=Asia/Tokyo make --no-print-directory -C clone dist >make.log)
    cmp "$name" "clone/$name"
    echo change >>clone/README.md
    make --no-print-directory -C clone dist >make.log
    grep -q 'not committed' make.log
    cmp "$name" "clone/$name"

    tar xf "$name"
    cd "${name%.tar.gz}"
    expect "files" "$(git -C "$top" ls-tree -r --name-only HEAD)" \
        "$(find . -type f -printf '%P\n' | LC_ALL=C sort)"
    expect "git" "" "$(find . -name .git)"
    export GIT_DIR=/nowhere MAKEFLAGS=
    # -O2 and not less: below, no multiply-add is one operation, as the summation needs it.
    make -j2 CFLAGS=-O2 >make.log 2>&1 || { tail -5 make.log && return 1; }
    make -j2 CFLAGS=-O2 test-unit >make.log 2>&1 || { tail -20 make.log && return 1; }
    make CFLAGS=-O2 install DESTDIR="$root" PREFIX=/usr >make.log
    expect "version" "${name%.tar.gz}" "$("$root/usr/bin/dist-train" --version | sed '1s/ /-/; 1q')"
    [ ! -e .git ] && ! make dist >make.log 2>&1
    grep -q 'expected a git checkout' make.log
}
