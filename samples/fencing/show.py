"""The show behind samples/fencing/run: a stale owner's write, with a fence in
the database and without."""

import http.client
import os
import signal
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from bank import BankClient, BankCluster  # noqa: E402
from demo import Screen  # noqa: E402
from demo_cluster import Refused  # noqa: E402
from postgres import Postgres, find_programs  # noqa: E402

NODES = ["n1", "n2", "n3"]
ACCOUNT = "alice"
LEASE_MS = 2000  # no false alarm on a busy machine
SKIPPED = 77


class LateDeposit:
    """A client that waits for the answer to its deposit."""

    def __init__(self, node, amount):
        self.answer = None
        self.client = BankClient(node.http_port)
        self.amount = amount
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            self.answer = str(self.client.deposit(ACCOUNT, self.amount,
                                                  pause_before_write=True))
        except Refused as why:
            self.answer = why.code
        except (OSError, http.client.HTTPException) as why:
            self.answer = str(why)

    def wait(self):
        self.thread.join(timeout=30)
        return self.answer or "no answer"


class Show:
    def __init__(self, build, folder, postgres, fencing):
        self.screen = Screen()
        self.say = self.screen.say
        self.broken = []
        self.lost = 0  # of what was acknowledged
        self.postgres = postgres
        self.fencing = fencing
        self.database = "bank" if fencing else "bank_without_fence"
        self.folder = os.path.join(folder, self.database)
        os.mkdir(self.folder)
        flags = ["--database", postgres.where(self.database),
                 "--set", f"lease={LEASE_MS}", "--pause-before-write"]
        self.cluster = BankCluster(build, self.folder,
                                   flags if fencing
                                   else flags + ["--no-fencing"])

    def promise(self, kept, text):
        if not kept:
            self.broken.append(text)
            self.say("BROKEN: " + text)

    def ask(self, sql):
        return self.postgres.ask(sql, self.database)

    def in_database(self):
        rows = self.ask(f"SELECT balance FROM account WHERE name = '{ACCOUNT}'")
        return int(rows[0]) if rows else 0

    def show_database(self):
        rows = self.ask(
            "SELECT name, balance, partition, coalesce(epoch::text, '-'), "
            "coalesce(owner, '-') FROM account LEFT JOIN fence "
            f"USING (partition) WHERE name = '{ACCOUNT}'")
        self.say("in the database:  account  balance  partition  fence")
        for row in rows:
            name, balance, partition, epoch, owner = row.split("|")
            fence = f"epoch {epoch}, of {owner}" if epoch != "-" else "none"
            self.say(f"                  {name:<7}{balance:>9}  "
                     f"{partition:>9}  {fence}")

    def owner(self):
        """Who owns the account's partition, as a node that runs sees it."""
        return self.cluster.any().partitions()[self.partition]

    # -- the acts --------------------------------------------------------------

    def found_cluster(self):
        self.postgres.create(self.database, os.path.join(HERE, "schema.sql"))
        self.cluster.found(NODES)
        rows = self.cluster.settled()
        self.say(f"{len(rows)} partitions run on {', '.join(NODES)}.")
        if self.fencing:
            self.cluster.wait("the fences", lambda: self.ask(
                "SELECT count(*) FROM fence") == [str(len(rows))])
            self.say("Each owner has raised its partition's fence in the "
                     "database to its epoch.")

    def deposit_everywhere(self):
        self.balance = 0
        for name, amount in zip(NODES, (20, 30, 50)):
            said = self.cluster.nodes[name].client.deposit(ACCOUNT, amount)
            self.balance += amount
            self.say(f"{amount} for {ACCOUNT}, through {name}: balance {said}")
            self.promise(said == self.balance, "every deposit is added")
        self.partition = self.cluster.any().ping(ACCOUNT)["partition"]
        self.show_database()

    def pause_owner(self):
        row = self.owner()
        helper = next(node for node in self.cluster.living()
                      if node.name != row["owner"])
        self.since = helper.client.events()[-1]["seq"]
        self.say(f"5 for {ACCOUNT}, through {helper.name}, to the owner "
                 f"{row['owner']}, epoch {row['epoch']}")
        self.late = LateDeposit(helper, 5)

        def check():
            if self.late.answer is not None:
                raise SystemExit(f"the deposit was answered with "
                                 f"{self.late.answer} before its owner stopped")
            return next((node for node in self.cluster.nodes.values()
                         if node.stopped()), None)
        self.old = self.cluster.wait("the owner to stop", check)
        self.paused_at = time.time()
        self.late_write = f"{ACCOUNT} = {self.balance + 5} "
        self.say(f"{self.old.name}: " + self.old.said("stops")[-1])
        self.say("It looked at its lease, which held. Now its process is "
                 "stopped (state T), and")
        self.say("its SQL statement is not sent.")

    def take_over(self):
        def check():
            row = self.owner()
            return row if (row["stage"] == "running"
                           and row["owner"] != self.old.name) else None
        row = self.cluster.wait("another owner", check)
        for event in self.cluster.any().events(self.since):
            at = f"+{event['time_ms'] / 1000 - self.paused_at:.2f} s"
            if event["event"] == "node_down":
                self.say(f"{at}  {event['node']} is down: its lease is over")
            elif (event["event"] == "partition_started"
                  and event["partition"] == self.partition):
                self.say(f"{at}  partition {self.partition} runs on "
                         f"{event['node']}, epoch {event['epoch']}")
        helper = next(node for node in self.cluster.living()
                      if node.name != row["owner"])
        said = helper.client.deposit(ACCOUNT, 50)
        self.say(f"50 for {ACCOUNT}, through {helper.name}, to the owner "
                 f"{row['owner']}: balance {said}")
        self.balance += 50
        self.promise(said == self.balance, "the new owner knows every deposit")
        answer = self.late.wait()
        self.say(f"the client of the 5 was told: {answer}")
        self.promise(answer == "outcome_unknown",
                     "a deposit that is not done is not acknowledged")
        self.show_database()

    def wake_owner(self):
        self.say(f"kill -CONT {self.old.process.pid}: {self.old.name} goes on "
                 f"where it was, with its old epoch")
        self.old.process.send_signal(signal.SIGCONT)
        line = self.cluster.wait("the stale write", lambda: (
            self.old.said("fenced, did not write " + self.late_write)
            or self.old.said("wrote " + self.late_write)))[-1]
        head, _, rest = line.partition("): ")
        self.say(f"{self.old.name}: {head})" if rest else
                 f"{self.old.name}: {line}")
        if rest:
            self.say(f"    {rest}")
        self.show_database()
        found = self.in_database()
        self.lost = self.balance - found
        if not self.lost:
            self.say("The balance is right.")
            return
        self.say(f"The balance is wrong: the new owner acknowledged "
                 f"{self.balance}, and the database")
        self.say(f"holds {found}. The 50 are gone; the 5, of which the client "
                 f"knows nothing, are there.")

    def settle_late_deposit(self):
        client = self.late.client
        said = client.read(ACCOUNT)
        self.say(f"The client of the 5 looks: balance {said}. Its deposit is "
                 f"not in there, and the")
        self.say("fence says that it never will be: so it may repeat it.")
        self.promise(said == self.balance, "the balance is what was "
                                           "acknowledged")
        self.balance += 5
        said = client.deposit(ACCOUNT, 5)
        self.say(f"5 for {ACCOUNT}, again: balance {said}")
        self.promise(said == self.balance, "the repeated deposit is done once")
        self.cluster.settled()  # the old owner is back
        for node in self.cluster.nodes.values():
            said = node.client.read(ACCOUNT)
            self.promise(said == self.balance, f"{node.name} says the same")
        self.promise(self.in_database() == self.balance,
                     "so does the database")
        self.say(f"All three nodes and the database say {self.balance}.")

    def run(self):
        acts = [("Three nodes and a database", self.found_cluster),
                ("Deposits, through every node", self.deposit_everywhere),
                ("The owner is stopped in the middle of a write",
                 self.pause_owner),
                ("The cluster gives its partitions to others", self.take_over),
                ("The old owner wakes, and writes", self.wake_owner)]
        if self.fencing:
            acts.append(("What became of the 5", self.settle_late_deposit))
        else:
            self.screen.heading("The same with --no-fencing")
        for number, (heading, act) in enumerate(acts, 1):
            if self.fencing:
                self.screen.heading(f"{number}  {heading}")
            else:
                self.say()
            act()


def play(build, folder, postgres, fencing):
    """What was broken, and how much was lost."""
    show = Show(build, folder, postgres, fencing)
    try:
        show.run()
    finally:
        show.cluster.stop()
    return show.broken, show.lost


def run(build, folder, programs, only_without):
    screen = Screen()
    screen.heading("Accounts in PostgreSQL, and an owner that wakes too late")
    postgres = Postgres(programs, os.path.join(folder, "postgres"))
    broken = []
    try:
        postgres.start()
        version = postgres.ask("SHOW server_version", "postgres")[0]
        screen.say(f"PostgreSQL {version.split()[0]}; its data and the nodes' "
                   f"logs are in")
        screen.say(f"{folder} until the end")
        for fencing in ([False] if only_without else [True, False]):
            more, lost = play(build, folder, postgres, fencing)
            broken += more
            if lost and (fencing or only_without):
                broken.append("what was acknowledged is in the database")
            elif not lost and not fencing:
                broken.append("without the fence the stale write is done")
    finally:
        postgres.stop()
    if broken:
        screen.heading("Broken: " + "; ".join(broken))
        return 1
    screen.heading("With the fence every promise was kept. Without it the "
                   "stale write was done.")
    return 0


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else "build/release"
    programs = find_programs()
    if programs is None or not os.path.exists(build + "/samples/fencing"):
        print("skipped: " + ("no PostgreSQL here" if programs is None
                             else f"{build} has no samples/fencing, which "
                                  f"needs libpq-dev"))
        return SKIPPED
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(128 + got))
    with tempfile.TemporaryDirectory(prefix="troupe-fencing-") as folder:
        os.chmod(folder, 0o711)  # the user of PostgreSQL passes through
        try:
            return run(build, folder, programs, "--no-fencing" in sys.argv[2:])
        except KeyboardInterrupt:
            print("\ninterrupted; all processes are ended", file=sys.stderr)
            return 130
        except (OSError, http.client.HTTPException, Refused) as why:
            print(f"fencing: {why}", file=sys.stderr)
            return 1


if __name__ == "__main__":
    sys.exit(main())
