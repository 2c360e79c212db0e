"""Makes the machine slow and uneven: whoever belongs to a scenario (the daemon, the emulator, a server,
the scenario itself) stands still at any moment, for as long as a loaded machine may leave it waiting.
What fails under it alone depends on who is faster."""
import contextlib
import ctypes
import glob
import multiprocessing
import os
import pathlib
import random
import signal
import time

PR_SET_PDEATHSIG = 1
NAMES = ("brindle", "postgres", "redis-server", "valkey-server", "pgbouncer", "python3", "psql")
PAUSE_S, STILL_S = (0.01, 0.3), (0.05, 1.5)
SHORT_OF_TEN = 7  # so many of ten are short: more moments are hit, and it comes to an end
SHORT_S = 0.2

still = None  # held while somebody stands still


def stat(pid):
    """Name, state and parent; None when it is gone."""
    try:
        head, _, tail = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    except OSError:
        return None
    return head.partition("(")[2], tail.split()[0], int(tail.split()[1])


def family(*roots):
    """Of these processes and those that they have made, who runs."""
    known = {int(p.split("/")[2]): s for p in glob.glob("/proc/[0-9]*") if (s := stat(p.split("/")[2]))}

    def belongs(pid):
        while pid in known:
            if pid in roots:
                return True
            pid = known[pid][2]
        return False
    return [pid for pid, (name, state, _) in known.items()
            if name in NAMES and state not in "TZX" and pid != os.getpid() and belongs(pid)]


def postmaster(cluster):
    try:
        return int((cluster.data / "postmaster.pid").read_text().split()[0])
    except (OSError, IndexError, ValueError):
        return 0


def shake(player, cluster):
    stopped = []

    def release(*_):
        for pid in stopped:
            send(pid, signal.SIGCONT)
        if _:
            os._exit(0)
    signal.signal(signal.SIGTERM, release)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    dice = random.Random()
    while True:
        time.sleep(dice.uniform(*PAUSE_S))
        with still:
            ours = family(player, *([postmaster(cluster)] if cluster else []))
            stopped = dice.sample(ours, min(len(ours), dice.choice((1, 1, 1, 2))))
            for pid in stopped:
                send(pid, signal.SIGSTOP)
            long = dice.randrange(10) >= SHORT_OF_TEN
            time.sleep(dice.uniform(*STILL_S) if long else dice.uniform(STILL_S[0], SHORT_S))
            release()
            stopped = []


def begin(cluster):
    """From now on whoever this process makes is shaken, and it itself."""
    global still
    fork = multiprocessing.get_context("fork")
    still = fork.Lock()
    shaker = fork.Process(target=shake, args=(os.getpid(), cluster), daemon=True)
    shaker.start()
    return shaker


def send(pid, what):
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        pass


def stands(pid):
    """All its threads do, or it is gone. A busy machine takes its time to stop somebody."""
    try:
        tasks = [t.read_text() for t in pathlib.Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:
        return False  # one has just ended
    return all(t.rpartition(")")[2].split()[0] in "TtZX" for t in tasks)


def hold(*pids):
    """Stops them for good, and they stand: whoever is shaken just now has gone on before."""
    with still or contextlib.nullcontext():
        while moving := [pid for pid in pids if not stands(pid)]:
            for pid in moving:
                send(pid, signal.SIGSTOP)
            time.sleep(0.001)
