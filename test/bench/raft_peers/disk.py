"""What the disk itself takes for a sync."""

import os
import threading
import time

ROW = b"r" * 512
FILE_BYTES = 1 << 20
SAMPLE_S = 0.5  # at most, of one sample
SAMPLE_SYNCS = 300


class Disk:
    """Files of zeros on the disk that the systems write to; each sync follows a
    write of 512 bytes."""

    def __init__(self, scratch):
        self.files = []
        for i in range(3):
            fd = os.open(f"{scratch}/sync.{i}", os.O_RDWR | os.O_CREAT, 0o600)
            os.pwrite(fd, b"\0" * FILE_BYTES, 0)
            os.fsync(fd)
            self.files.append(fd)

    def sample(self):
        """us of single syncs, by one writer."""
        out = []
        self.write(self.files[0], out)
        return out

    def sample_three(self):
        """The same, by three writers at once, as three members do."""
        outs = [[] for _ in self.files]
        threads = [threading.Thread(target=self.write, args=x)
                   for x in zip(self.files, outs)]
        for x in threads:
            x.start()
        for x in threads:
            x.join()
        return sum(outs, [])

    @staticmethod
    def write(fd, out):
        until = time.perf_counter() + SAMPLE_S
        for i in range(SAMPLE_SYNCS):
            begin = time.perf_counter()
            os.pwrite(fd, ROW, i * len(ROW))
            os.fdatasync(fd)
            end = time.perf_counter()
            out.append((end - begin) * 1e6)
            if end > until:
                break


class Watch:
    """Syncs every 10 ms while it is open, to tell what the disk did to others
    from what they did themselves."""

    def __init__(self, scratch):
        self.fd = os.open(f"{scratch}/sync", os.O_RDWR | os.O_CREAT, 0o600)
        self.longest = 0.0
        self.stopping = False
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *why):
        self.stopping = True
        self.thread.join()
        os.close(self.fd)

    def run(self):
        while not self.stopping:
            begin = time.perf_counter()
            os.pwrite(self.fd, ROW, 0)
            os.fdatasync(self.fd)
            took = time.perf_counter() - begin
            self.longest = max(self.longest, took * 1e3)
            time.sleep(0.01)

    def take_longest(self):
        """ms of the longest sync since the last call; one that has not ended
        counts when it has."""
        out, self.longest = self.longest, 0.0
        return out


def percentile(samples, percent):
    rows = sorted(samples)
    return rows[min(len(rows) * percent // 100, len(rows) - 1)] if rows else 0.0
