"""Reads a run's event files as TensorBoard would, and compares them with its metrics.csv.

    check_tensorboard.py RUN

Each family has one event file. Only what the formats say is used here: TFRecord
(tensorflow/core/lib/io/record_writer.h), CRC-32C (RFC 3720, appendix B.4), the wire format of
protocol buffers, and the field numbers of tensorflow/core/util/event.proto and
tensorflow/core/framework/summary.proto.
"""

import csv
import math
import pathlib
import struct
import sys

CRC_TABLE = []
for i in range(256):
    for _ in range(8):
        i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
    CRC_TABLE.append(i)


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 255]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


assert masked_crc(bytes(32)) == (((0x8A9136AA >> 15 | 0x8A9136AA << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def records(data):
    at = 0
    while at < len(data):
        length, crc = struct.unpack_from("<QI", data, at)
        assert masked_crc(data[at : at + 8]) == crc, f"CRC of the length at byte {at}"
        body = data[at + 12 : at + 12 + length]
        (crc,) = struct.unpack_from("<I", data, at + 12 + length)
        assert masked_crc(body) == crc, f"CRC of the data at byte {at}"
        yield body
        at += 16 + length


def fields(data):
    """The (number, value) of each field of a message: an int or bytes."""

    def varint(at):
        value = shift = 0
        while True:
            byte = data[at]
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                return value, at

    at, found = 0, []
    while at < len(data):
        key, at = varint(at)
        if key & 7 == 0:
            value, at = varint(at)
        else:
            length = {1: 8, 5: 4}.get(key & 7)
            if length is None:
                assert key & 7 == 2, f"wire type {key & 7}"
                length, at = varint(at)
            value, at = data[at : at + length], at + length
        found.append((key >> 3, value))
    return found


def load(directory):
    """The curves of a directory, {tag: {step: (value, wall time)}}, after TensorBoard's rules for
    restarts: plugin_event_accumulator.py, _CheckForRestartAndMaybePurge and _Purge."""
    curves, started, files = {}, False, sorted(directory.iterdir())
    assert all("tfevents" in path.name for path in files), files
    for path in files:
        for number, record in enumerate(records(path.read_bytes())):
            event = dict(fields(record))
            step, (time,) = event.get(2, 0), struct.unpack("<d", event[1])
            if number == 0:
                assert event[3] == b"brain.Event:2" and step == 0, event
            if 7 in event and dict(fields(event[7]))[1] == 1:
                if started:
                    for tag in curves:
                        curves[tag] = {s: v for s, v in curves[tag].items() if s < step}
                started = True
            for kind, value in fields(event.get(5, b"")):
                assert kind == 1, kind
                value = dict(fields(value))
                curve = curves.setdefault(value[1].decode(), {})
                assert step not in curve, f"{path}: step {step} of {value[1]} is there twice"
                curve[step] = struct.unpack("<f", value[2])[0], time
    return curves, len(files)


COLUMNS = {
    "train": {
        "loss": "train_loss",
        "accuracy": "train_accuracy",
        "learning_rate": "learning_rate",
        "samples_per_second": "samples_per_second",
        "gradient_norm": "gradient_norm",
        "seconds/compute": "compute_seconds",
        "seconds/reduce": "reduce_seconds",
        "seconds/wait": "wait_seconds",
        "seconds/data": "data_seconds",
    },
    "val": {"loss": "val_loss", "accuracy": "val_accuracy"},
    "test": {"loss": "test_loss", "accuracy": "test_accuracy"},
}


def main():
    run = pathlib.Path(sys.argv[1])
    rows = list(csv.DictReader(open(run / "metrics.csv")))
    compared = 0
    for family, columns in COLUMNS.items():
        directory = run / "tensorboard" / family
        expected = {
            tag: {int(row["step"]): float(row[column]) for row in rows if row[column]}
            for tag, column in columns.items()
        }
        if not any(expected.values()):
            assert not directory.exists(), f"{directory}: there is nothing to show"
            continue
        curves, count = load(directory)
        assert count == 1, f"{directory}: expected one event file, found {count}"
        assert set(curves) == {tag for tag in expected if expected[tag]}, sorted(curves)
        for tag, curve in curves.items():
            assert list(curve) == list(expected[tag]), f"{family} {tag}: {list(curve)}"
            for step, (value, _) in curve.items():
                wanted = expected[tag][step]
                assert math.isclose(value, wanted, rel_tol=1e-7), (family, tag, step, value, wanted)
                compared += 1
        times = [time for _, time in curves["loss"].values()]
        seconds = [float(row["seconds"]) for row in rows if int(row["step"]) in curves["loss"]]
        assert times == sorted(times), times
        spans = zip(times, times[1:], seconds, seconds[1:])
        assert all(abs(b - a - (d - c)) < 1 for a, b, c, d in spans), (times, seconds)
    print(compared)


main()
