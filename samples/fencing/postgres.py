"""A PostgreSQL of our own, in a directory that goes again."""

import glob
import os
import pwd
import re
import shutil
import signal
import subprocess
import time

SOCKET_PATH_MAX = 107


def find_programs():
    """The folder of initdb, postgres and psql: the newest; None: not there."""
    folders = glob.glob("/usr/lib/postgresql/*/bin")
    folders.sort(key=lambda x: [int(n) for n in re.findall(r"\d+", x)],
                 reverse=True)
    if on_path := shutil.which("postgres"):
        folders.append(os.path.dirname(os.path.realpath(on_path)))
    for folder in folders:
        if all(os.access(os.path.join(folder, name), os.X_OK)
               for name in ("initdb", "postgres", "psql")):
            return folder
    return None


class Postgres:
    """Listens on a Unix socket in `folder`, which only its user can enter; so
    it needs no password. It refuses to run as root: then it runs as postgres,
    the user that comes with the package."""

    def __init__(self, programs, folder):
        self.programs = programs
        self.folder = folder
        self.data = os.path.join(folder, "data")
        self.log = os.path.join(folder, "log")
        self.process = None
        self.user = {}
        if len(folder) + len("/.s.PGSQL.5432") > SOCKET_PATH_MAX:
            raise OSError(f"{folder} is too long for a socket: set TMPDIR")
        os.mkdir(folder, 0o700)
        if os.getuid() == 0:
            postgres = pwd.getpwnam("postgres")
            self.user = {"user": postgres.pw_uid, "group": postgres.pw_gid,
                         "extra_groups": []}
            os.chown(folder, postgres.pw_uid, postgres.pw_gid)

    def _command(self, name, *args):
        return [os.path.join(self.programs, name), *args]

    def _environment(self):
        keep = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        return {**keep, "LC_ALL": "C"}

    def start(self):
        self._run(self._command("initdb", "--pgdata", self.data,
                                "--username=bank", "--auth=trust",
                                "--encoding=UTF8", "--no-sync"), **self.user)
        self.serve()

    def serve(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                self._command("postgres", "-D", self.data, "-k", self.folder,
                              "-c", "listen_addresses="),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                cwd=self.folder, env=self._environment(),
                start_new_session=True, **self.user)
        end = time.monotonic() + 60
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > end:
                with open(self.log) as log:
                    raise OSError("PostgreSQL does not start:\n" + log.read())
            time.sleep(0.05)

    def _answers(self):
        try:
            return self.ask("SELECT 1", database="postgres") == ["1"]
        except OSError:
            return False

    def where(self, database):
        """As libpq takes it."""
        return f"host={self.folder} dbname={database} user=bank"

    def ask(self, sql, database):
        """The rows of the answer, columns separated by |."""
        return self._psql(database, "-c", sql).splitlines()

    def create(self, database, schema):
        self.ask(f"CREATE DATABASE {database}", database="postgres")
        self._psql(database, "-f", schema)

    def _psql(self, database, *args):
        return self._run(self._command(
            "psql", "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1",
            "-d", self.where(database), *args))

    def _run(self, command, **more):
        done = subprocess.run(command, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=120,
                              cwd="/", env=self._environment(), **more)
        if done.returncode != 0:
            raise OSError(f"{command[0]} ended with {done.returncode}: "
                          f"{done.stderr.strip()}")
        return done.stdout

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)  # "fast": ends its sessions
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
