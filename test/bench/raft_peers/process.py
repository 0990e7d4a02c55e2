"""Processes that answer lines, and ports for them."""

import os
import select
import socket
import subprocess
import sys
import time


class Failure(Exception):
    """Something did not run; the text says what."""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for x in sockets:
        x.bind(("127.0.0.1", 0))
    ports = [x.getsockname()[1] for x in sockets]
    for x in sockets:
        x.close()
    return ports


def wait_for(check, seconds, what):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise Failure(f"{what}: nothing after {seconds} s")


class Process:
    """A child. Ends with `end`, by its id."""

    def __init__(self, command, log):
        self.command = [str(x) for x in command]
        self.text = b""
        with open(log, "ab") as out:
            self.child = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=out)
        self.log = log

    def line(self, seconds=10):
        """The next line of its output."""
        until = time.monotonic() + seconds
        fd = self.child.stdout.fileno()
        while b"\n" not in self.text:
            left = until - time.monotonic()
            ready = select.select([fd], [], [], max(left, 0))[0]
            got = os.read(fd, 65536) if ready else b""
            if not got:
                why = "ended" if ready else f"silent for {seconds} s"
                raise Failure(f"{self.command[0]}: {why}\n{self.last_words()}")
            self.text += got
        line, self.text = self.text.split(b"\n", 1)
        return line.decode()

    def last_words(self):
        with open(self.log, errors="replace") as text:
            return "".join(text.readlines()[-5:])

    def tell(self, line):
        os.write(self.child.stdin.fileno(), line.encode() + b"\n")

    def ask(self, line, seconds=10):
        self.tell(line)
        return self.line(seconds)

    def cpu(self):
        """Seconds of processor time so far."""
        with open(f"/proc/{self.child.pid}/stat") as text:
            fields = text.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()

    def end(self):
        if self.child.returncode is None:
            self.kill()


def say(text):
    print(text, file=sys.stderr, flush=True)
