"""dist-train watch in a pseudo terminal, looked at as a user sees it.

    check_watch.py PROGRAM CASE

The terminal knows the sequences that a screen of text needs, and no other: an unknown one is an
error. Its main and its alternate screen are kept apart, as xterm does.
"""

import codecs
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

program, case = sys.argv[1], sys.argv[2]
TRAINING = [program, "--data", "synthetic", "--train-limit", "3000", "--test-limit", "200"]
TRAINING += ["--val-fraction", "0.2", "--layers", "64,10", "--log-every", "5", "--output", "run"]


class Terminal:
    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.screens = {False: self.blank(), True: self.blank()}
        self.alternate, self.cursor_visible, self.row, self.column = False, True, 0, 0
        self.typed = False
        self.old_pictures = 0  # that may come: of the size before
        self.inks, self.switches, self.left = set(), 0, ""
        self.decoder = codecs.getincrementaldecoder("utf-8")()

    def blank(self):
        return [[" "] * self.columns for _ in range(self.rows)]

    def feed(self, data):
        text = self.left + self.decoder.decode(data)
        cut = re.search("(\033(\\[[?0-9;]*)?)?\\Z", text).start()
        self.left = text[cut:]
        for token in re.findall("\033\\[[?0-9;]*[A-Za-z]|(?s:.)", text[:cut]):
            self.take(token)

    def take(self, token):
        screen = self.screens[self.alternate]
        if token in ("\033[?1049h", "\033[?1049l"):
            self.alternate = token.endswith("h")
            self.switches += 1
            if self.alternate:
                self.screens[True], self.saved = self.blank(), (self.row, self.column)
            else:
                self.row, self.column = self.saved
        elif token in ("\033[?25h", "\033[?25l"):
            self.cursor_visible = token.endswith("h")
        elif token == "\033[H":
            self.row = self.column = 0
            self.old_pictures -= 1
        elif token == "\033[K":
            screen[self.row][self.column :] = [" "] * (self.columns - self.column)
        elif token == "\033[J":
            for row in range(self.row, self.rows):
                first = self.column if row == self.row else 0
                screen[row][first:] = [" "] * (self.columns - first)
        elif re.fullmatch(r"\033\[\d+m", token):
            self.inks.add(int(token[2:-1]))
        elif token == "\033" and self.typed:
            pass  # the kernel drops output that is on its way when a signal is typed
        elif token == "\r":
            self.column = 0
        elif token == "\n":
            scrolls = self.alternate and self.row == self.rows - 1
            assert not scrolls or self.may_be_cut(), "the screen scrolls"
            self.row += 1
            if self.row == self.rows:
                self.row -= 1
                screen.append([" "] * self.columns)
                del screen[0]
        else:
            assert token >= " " and token != "\033", f"unexpected {token!r}"
            if self.column < self.columns:
                screen[self.row][self.column] = token
            else:
                assert self.may_be_cut(), f"line too long: {self.text()}"
            self.column += 1

    def may_be_cut(self):
        """A picture of before a new size, or one of which the kernel dropped a part."""
        return self.old_pictures > 0 or self.typed

    def text(self, alternate=None):
        screen = self.screens[self.alternate if alternate is None else alternate]
        return "\n".join("".join(line).rstrip() for line in screen)


class Watch:
    """The command, or another one, in a terminal of its own."""

    def __init__(self, *arguments, command=(program, "watch"), columns=100, rows=30, **variables):
        self.terminal = Terminal(columns, rows)
        self.master, self.slave = pty.openpty()
        self.set_size(columns, rows)
        self.modes = termios.tcgetattr(self.slave)
        environment = dict(os.environ, TERM="xterm", LC_ALL="C.UTF-8", NO_COLOR="")
        self.process = subprocess.Popen(
            [*command, *arguments], stdin=self.slave, stdout=self.slave, stderr=self.slave,
            env={**environment, **variables}, preexec_fn=self.take_terminal,
        )

    def take_terminal(self):
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    def set_size(self, columns, rows):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        self.terminal.typed = True
        self.terminal.decoder.errors = "replace"  # for the same reason: half a character
        os.write(self.master, keys)

    def read(self, until, seconds=20):
        """Reads until the picture fits, or, for None, the process has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ended = self.process.poll() is not None
            if select.select([self.master], [], [], 0.05)[0]:
                self.terminal.feed(os.read(self.master, 65536))
            elif until is None and ended:
                return
            if until is not None and re.search(until, self.terminal.text()):
                return
        raise AssertionError(f"no {until!r} in:\n{self.terminal.text()}")

    def resize(self, columns, rows):
        self.terminal.columns, self.terminal.rows = columns, rows
        self.terminal.screens = {False: self.terminal.blank(), True: self.terminal.blank()}
        self.terminal.row = self.terminal.column = 0
        self.terminal.old_pictures = 2
        self.set_size(columns, rows)

    def expect_restored(self):
        assert not self.terminal.alternate, "the alternate screen is still there"
        assert self.terminal.cursor_visible, "the cursor is hidden"
        assert termios.tcgetattr(self.slave) == self.modes, "other terminal modes"


def train(*arguments, **options):
    return subprocess.Popen(
        TRAINING + list(arguments), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, **options,
    )


def live():
    """From before the run's first file to its end."""
    watch = Watch("run")
    watch.read("waiting: the run has not begun")
    training = train("--epochs", "2000")
    watch.read(r"running\nepoch \d+/2000, step \d+/\d+ \[[=> ]*\] +\d+ %, .* left")
    watch.read(r"loss [\d.]+ acc [\d.]+ .*samples/s")
    watch.read(rf"last sign of life \d s ago; newest row \d s ago; process {training.pid} on host")
    watch.read("loss  \u2500\u2500 train  \u2500\u2500 val  \u2500\u2500 test +accuracy  ")
    assert watch.terminal.alternate and not watch.terminal.cursor_visible
    assert re.search("[\u2801-\u28ff]{3}", watch.terminal.text()), watch.terminal.text()
    assert {33, 36} <= watch.terminal.inks, watch.terminal.inks
    steps = lambda: int(re.search(r"step (\d+)/", watch.terminal.text())[1])
    before = steps()
    watch.read(rf"step (?!{before}/)\d+/")
    assert steps() > before
    open("run/stop", "w").close()
    assert training.wait(20) == 75
    watch.read(None)
    watch.expect_restored()
    assert watch.process.wait() == 75, watch.process.returncode
    text = watch.terminal.text()
    assert re.search(r"run  stopped: --resume auto goes on\nepoch \d+/2000", text), text
    assert "\u2800" < max(text), "the last picture stays"
    assert watch.terminal.switches == 2


def signals():
    """Ctrl-C, SIGTERM and SIGHUP give the terminal back; Ctrl-Z too, and fg draws again."""
    training = train("--epochs", "5000")
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            watch = Watch("run")
            watch.read("running")
            if number == signal.SIGINT:
                watch.type(b"\x03")
            else:
                watch.process.send_signal(number)
            watch.read(None)
            watch.expect_restored()
            assert watch.process.wait() == -number, watch.process.returncode
        shell = Watch(command=("bash", "--norc", "--noediting", "-i"), PS1="ready: ")
        shell.read("ready:")
        shell.type(f"{program} watch run\n".encode())
        shell.read("running")
        shell.type(b"\x1a")
        shell.read("Stopped.*\nready:")
        shell.expect_restored()
        shell.type(b"fg\n")
        shell.read("^run  running")
        assert shell.terminal.alternate and not shell.terminal.cursor_visible
        shell.type(b"\x03")
        shell.read("fg\n(.*\n)*ready:")
        shell.expect_restored()
        shell.type(b"exit\n")
        shell.read(None)
    finally:
        training.kill()
        training.wait()


def sizes():
    """No line is longer than the window, and none scrolls, whatever its size; resizing redraws."""
    assert train("--epochs", "3").wait(60) == 0
    for columns, rows in [(10, 3), (24, 8), (40, 12), (79, 24), (80, 24), (120, 50), (300, 10)]:
        watch = Watch("run", columns=columns, rows=rows)
        watch.read(None)
        assert watch.process.wait() == 0
        watch.expect_restored()
    shutil.rmtree("run")
    training = train("--epochs", "5000")
    try:
        watch = Watch("run", columns=100, rows=30)
        watch.read("accuracy")
        for columns, rows in [(50, 30), (30, 6), (140, 40)]:
            watch.resize(columns, rows)
            while watch.terminal.old_pictures > 0:
                watch.read("step \\d+/", 3)
            assert ("accuracy" in watch.terminal.text()) == (rows > 6)
        watch.process.send_signal(signal.SIGINT)
        watch.read(None)
    finally:
        training.kill()
        training.wait()


def plain_characters():
    """NO_COLOR: no colours; another character set than UTF-8: ASCII only."""
    assert train("--epochs", "3").wait(60) == 0
    watch = Watch("run", NO_COLOR="1")
    watch.read(None)
    assert watch.terminal.inks == set(), watch.terminal.inks
    assert "loss  * train  + val  o test" in watch.terminal.text(), watch.terminal.text()
    watch = Watch("run", LC_ALL="C")
    watch.read(None)
    assert {33, 36} <= watch.terminal.inks, watch.terminal.inks
    assert "loss  * train  + val  o test" in watch.terminal.text(), watch.terminal.text()
    assert max(watch.terminal.text()) < "\x7f"
    watch = Watch("run", TERM="dumb")
    watch.read("run: complete: 114 steps")
    assert watch.terminal.switches == 0 and watch.terminal.inks == set()


{"live": live, "signals": signals, "sizes": sizes, "plain-characters": plain_characters}[case]()
