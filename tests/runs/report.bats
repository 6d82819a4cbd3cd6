#!/usr/bin/env bats
# dist-train report: pages of whole runs, of runs that lack something, of several, read back with
# Python's parsers.
# shellcheck disable=SC2154 # helpers.bash sets what seems unset

load helpers

setup() { common_setup; }
teardown() { common_teardown; }

check() {
    "$python" "$top/tests/runs/check_report.py" "$@"
}

insight() {
    "$python" "$top/tests/runs/make_insight.py" "$@"
}

# small_run DIRECTORY ARGUMENT...: a run of a few steps on small data.
small_run() {
    [ -d data ] || make_data data 200 40 12
    cat >small.ini <<'END'
[data]
data = data
val_fraction = 0.2
[model]
layers = 16, 10
[train]
epochs = 3
batch_size = 16
[log]
log_every = 2
END
    train 0 --config small.ini --output "$@"
}

# report ARGUMENT...: must succeed without a word on stderr.
report() {
    train 0 report "$@"
}

@test "a run: curves, answers, mistakes, filters, times, settings, hash" {
    small_run run --seed 7 --lr 0.05
    check run/report.html complete "Worst mistakes" processors
    insight run --side 12 --tracked 300 --fact "CPU=a <fast> one"
    report run
    expect "says where" run/report.html "$(cat out)"
    local hash
    hash=$(summary parameter_hash run)
    check run/report.html complete "images right" Accuracy Loss "Learning rate" "Gradient norm" \
        "best: epoch" Answers precision "Worst mistakes" "First layer" "Likely wrong labels" \
        Margins Augmentation "what augmentation makes" Time "rank 1" compute Timeline \
        "steps 40 to 42 of the 100" "val_fraction0.2" "seed7" "a <fast> one" "$hash" \
        '!is not there' --count=img:119
}

@test "augmentation: images as they are and drawn anew, of insight.h5 alone; a bad part is named" {
    small_run run --augment "flip, shift 2"
    rm -r data
    cp run/report.html made.html
    report run
    cmp made.html run/report.html
    check run/report.html Augmentation "what shift 2, flip makes of them" "as it is" "epoch 8" \
        "came to epoch 3;" '!epoch 9'
    "$python" - <<'END'
import base64, re, zlib
import h5py, numpy

page = open("run/report.html").read()
page = page[page.index("<h2>Augmentation"):]
page = page[:page.index("</section>")]
found = []
for png in re.findall(r"base64,([^\"]+)", page):
    png = base64.b64decode(png)
    data = b"".join(png[at + 4:at + 4 + int.from_bytes(png[at - 4:at], "big")]
                    for at in (match.start() for match in re.finditer(b"IDAT", png)))
    rows = numpy.frombuffer(zlib.decompress(data), "u1").reshape(12, 13)
    image = numpy.zeros((13, 13), int)  # a row and a column of zeros before it
    for y, (kind, *row) in enumerate(rows, 1):
        for x, value in enumerate(row, 1):
            left, up, corner = (int(image[at]) for at in ((y, x - 1), (y - 1, x), (y - 1, x - 1)))
            paeth = min((left, up, corner), key=lambda near: abs(left + up - corner - near))
            image[y, x] = (int(value) + (0, left, up, (left + up) // 2, paeth)[kind]) % 256
    found.append(image[1:, 1:].ravel())
with h5py.File("run/insight.h5", "r+") as file:
    part = file["augmented"]
    assert numpy.array_equal(found, part["pixels"]), "other pictures than those of insight.h5"
    part.attrs["epochs"] = numpy.append(part.attrs["epochs"][:-1], 9)
END
    dist_train 0 report run
    expect "exit code" 0 "$status"
    grep -q '^warning: run/insight.h5: /augmented: expected each image as it is, then epochs' err
    check run/report.html "run/insight.h5: /augmented: expected" '!Worst mistakes'
    "$python" -c 'import h5py; del h5py.File("run/insight.h5", "r+")["augmented"]'
    report run
    check run/report.html "Worst mistakes" '!Augmentation'
}

@test "the same files make the same page" {
    small_run run
    insight run --side 12
    report run -o one.html
    report run/ -o two.html
    report "$work/run" -o three.html
    cmp <(sed 's|<td class="mono break">[^<]*run/*</td>||' one.html) \
        <(sed 's|<td class="mono break">[^<]*run/*</td>||' two.html)
    cmp <(sed 's|<td class="mono break">[^<]*run/*</td>||' one.html) \
        <(sed 's|<td class="mono break">[^<]*run/*</td>||' three.html)
}

@test "what a run lacks is said, and the rest is shown" {
    small_run run
    rm -f run/insight.h5 run/report.html
    report run
    check run/report.html "insight.h5 is not there: the run goes on" \
        Accuracy "First layer" '!Answers'
    small_run silent --no-report
    report silent
    check silent/report.html "insight.h5 is not there: the run had report = false" '!Answers'
    rm run/metrics.csv
    report run
    check run/report.html "metrics.csv is not there" "images right" '!Learning rate'
    rm run/config.ini run/weights.h5 run/best.h5
    report run
    check run/report.html "config.ini is not there" "weights.h5 is not there" complete
    rm run/summary.json
    insight run --side 12
    report run
    check run/report.html "ended without a summary" Answers "Worst mistakes"
}

@test "a run that was killed: the rows so far, no word of an end" {
    small_run run
    rm -f run/summary.json run/insight.h5
    report run
    check run/report.html "ended without a summary" Accuracy "epochs" "Of the epochs so far"
}

@test "damaged files are named, and the rest is shown" {
    small_run run
    insight run --side 12
    local file
    for file in config.ini metrics.csv summary.json insight.h5 weights.h5; do
        cp -r run broken
        head -c 300 run/$file | tail -c 200 >broken/$file
        dist_train 0 report broken
        expect "$file: exit code" 0 "$status"
        grep -q "^warning: broken/$file" err
        check broken/report.html "broken/$file" "Settings and environment"
        rm -r broken
    done
    mkdir run/lock
    dist_train 0 report run
    expect "a lock that cannot be read: exit code" 0 "$status"
    grep -q "^warning: run/lock: expected a regular file, found a directory" err
    check run/report.html "run/lock: expected a regular file" "Settings and environment"
}

@test "a summary of an earlier start does not count" {
    small_run run --max-steps 12
    cp run/summary.json .
    small_run run --resume auto --max-steps 24
    cp summary.json run/summary.json
    report run
    check run/report.html "ended without a summary" 24steps
    expect "no other state" 0 "$(grep -c 'chip good' run/report.html || true)"
}

@test "what is no run is refused with one line" {
    mkdir empty
    echo text >file
    refuse 66 'empty: expected a run directory, found a directory without files of a run' \
        report empty
    refuse 66 'nowhere: expected a run directory' report nowhere
    refuse 66 'file: expected a run directory, found a file' report file
    refuse 64 'report: expected RUN\.\.\., found none' report
    small_run run
    refuse 73 'none/here.html' report run -o none/here.html
    [ ! -e run/report.html.tmp ]
}

@test "names are shown, not run" {
    local bad='<script>alert(1)</script>&"x'
    mkdir -p '<script>alert(1)<'
    small_run run
    mv run "$bad" 2>/dev/null || mv run '<script>alert(1)<'
    [ -d "$bad" ] || bad='<script>alert(1)<'
    insight "$bad" --side 12 --host '<img src=x>' --fact '<b>name=</td>&value'
    report "$bad" -o page.html
    check page.html '<script>alert(1)<' '<img src=x>' '<b>name' '</td>&value'
    expect 'raw text' '' "$(grep -o '<script\|<img src=x\|</td>&value' page.html || true)"
    cp -r "$bad" "$bad-again"
    report "$bad" "$bad-again" -o two.html
    check two.html '<script>alert(1)<'
}

@test "several runs: results, settings that differ, each run" {
    small_run a --seed 1
    small_run b --seed 2 --lr 0.2
    small_run c --seed 1 --layers 12,10 --optimizer sgd
    insight a --side 12
    report a b c
    expect "says where" report.html "$(cat out)"
    check report.html "3 runs compared" "Best: " Results "Settings that differ" layers optimizer \
        "Each run" '!batch_size</th>' --count=details:6
    "$python" - <<'END'
import re
page = open("report.html").read()
table = page[page.index("Settings that differ"):page.index("<h2>Training")]
assert re.findall(r"<tr><th>(\w+)</th>", table) == \
    ["setting", "layers", "lr", "optimizer", "seed"], table
END
    cp -r a again
    report a again
    check report.html "The settings of these runs are the same."
    mkdir other && cp -r b other/a
    report a other/a
    check report.html other/a
}

@test "many classes, ranks and rows stay small" {
    small_run run
    insight run --side 12 --classes 256 --samples 5000 --ranks 1024 --tracked 2000
    "$python" - <<'END'
import random
header = open("run/metrics.csv").readline()
columns = header.strip().split(",")
with open("run/metrics.csv", "w") as file:
    file.write(header)
    for i in range(1, 60001):
        end = i % 1000 == 0
        row = {"epoch": (i - 1) // 1000 + 1, "step": i, "samples": i * 16,
               "train_loss": 2 / i + random.random(), "train_accuracy": random.random(),
               "learning_rate": 1 / i, "seconds": i / 100, "samples_per_second": 1e5,
               "gradient_norm": random.random()}
        if end:
            row.update(test_loss=2 / i, test_accuracy=1 - 1 / i, val_loss=1 / i,
                       val_accuracy=1 - 2 / i, parameter_hash="0123456789abcdef")
        file.write(",".join(str(row.get(name, "")) for name in columns) + "\n")
END
    report run
    check run/report.html "All 256 classes" "seconds of 1024 ranks" "most waiting: rank" \
        "What the first 24 of 1,024 ranks did"
    [ "$(stat -c %s run/report.html)" -lt 1000000 ]
}

@test "a run without a step has a page" {
    make_data data 200 40 12
    train 0 --data data --layers 16,10 --max-steps 0 --output run
    report run
    check run/report.html Accuracy
}
