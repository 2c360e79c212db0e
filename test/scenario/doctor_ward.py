"""Where the doctor is put to the test: a set-up that is well, one mistake at a time, and the command
that it names for it."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time

from place import BRINDLE, KEY, PATIENCE, Failure, Skip, check, free_port, until

PLANTS = {}  # the row's name: the functions that plant it
# Commands that no test can run: they are the machine's own.
FOREIGN = ("timedatectl",)


def plant(row, group):
    """A test of a row of doctor.def. It is given the ward, plants the mistake and says what is to be
    found; its group is played in one place."""
    def keep(function):
        PLANTS.setdefault(row, []).append((group, function))
        return function
    return keep


class FakeDaemon:
    """A process that has a store and answers a ping, as another version does."""

    def __init__(self, path, version):
        line = json.dumps({"name": "test", "version": version}) + "\n"
        self.answer = (line + '{"end":true,"status":"ok"}\n').encode()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen(8)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                one, _ = self.socket.accept()
                one.makefile().readline()
                one.sendall(self.answer)
                one.close()

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Ward:
    def __init__(self, place):
        self.place, self.e = place, place.emulator
        self.row, self.base = None, set()
        self.healthy = {"BRINDLE_CATCH_UP_SECONDS": "", "BRINDLE_CHECK_SECONDS": "", "BRINDLE_RELIST_SECONDS": ""}
        self.table = {f["check"]: f for f in map(json.loads, place.run("doctor", "--list", "--json")[0].splitlines())}
        self.copies = 0
        bin_dir = place.dir / "bin"
        bin_dir.mkdir()
        (bin_dir / "brindle").symlink_to(BRINDLE)
        self.path = f"{bin_dir}:{os.environ['PATH']}:/usr/sbin:/sbin"

    # ---- a set-up that is well ----

    def build(self):
        """An endpoint, a daemon that gets what it sends, a mirror that is whole."""
        self.endpoint = self.e.post("/v1/webhook_endpoints", enabled_events=["*"], url="http://127.0.0.1:1/webhooks/test",
                                    api_version="2026-10-28.endive")
        self.healthy["STRIPE_WEBHOOK_SECRET"] = self.endpoint["secret"]
        self.daemon = self.place.start(**self.healthy)
        self.healthy["BRINDLE_LISTEN"] = f"127.0.0.1:{self.daemon.port}"
        self.url = f"http://127.0.0.1:{self.daemon.port}/webhooks/test"
        self.e.post(f"/v1/webhook_endpoints/{self.endpoint['id']}", url=self.url)
        self.e.post("/v1/products", name="x")
        self.e.post("/v1/customers", name="x")
        self.place.run("sync", env=self.healthy)
        self.daemon.idle()

    def copy(self):
        """The environment of a copy of the store for which no daemon runs, and its file."""
        self.copies += 1
        data = self.place.dir / f"copy{self.copies}"
        data.mkdir(0o700)
        with contextlib.closing(sqlite3.connect(f"file:{self.place.db_path}?mode=ro", uri=True)) as source, \
                contextlib.closing(sqlite3.connect(data / "test.db")) as target:
            source.backup(target)
            target.execute("pragma journal_mode = wal")
        os.chmod(data / "test.db", 0o600)
        self.base = {"nobody_works"}
        return {"DATABASE_URL": f"sqlite:{data}", "BRINDLE_LISTEN": f"127.0.0.1:{free_port()}"}, data / "test.db"

    def copy_with(self, *statements):
        """The environment of such a copy in which something was changed."""
        env, path = self.copy()
        with contextlib.closing(sqlite3.connect(path)) as c:
            for sql, *args in statements:
                c.execute(sql, args)
            c.commit()
        return env

    def conf(self, text, mode=0o600, name="doctor.conf"):
        path = self.place.dir / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    # ---- the doctor ----

    @staticmethod
    def on_a_disk(**env):
        """Our folders lie in memory or in a container; what is asked is told that it is a disk."""
        shim = pathlib.Path(BRINDLE).parent / "test" / "scenario" / "strange_disk.so"
        sanitizer = os.environ.get("ASAN_OPTIONS", "")
        return {"LD_PRELOAD": str(shim), "DISK_TYPE": "0xef53", "DISK_FREE_MIB": "5000",
                "ASAN_OPTIONS": f"{sanitizer}:verify_asan_link_order=0"}

    def run(self, command, env, limits=None, user=None):
        whole = {**self.place.env(), **self.on_a_disk(), **self.healthy, **env, "PATH": self.path}
        if any("--config" in word for word in command):  # what the file says counts, and not a variable
            whole = {k: v for k, v in whole.items() if k in env or not k.startswith(("STRIPE_", "BRINDLE_", "DATABASE_"))}
        done = subprocess.run(command, cwd=self.place.dir, env=whole, capture_output=True, timeout=PATIENCE,
                              stdin=subprocess.DEVNULL, preexec_fn=limits, user=user, check=False)
        self.place.said += [done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")]
        return done

    def doctor(self, *flags, env=None, limits=None, user=None, program=BRINDLE):
        done = self.run([program, "doctor", "--json", *flags], env or {}, limits, user)
        found = [json.loads(line) for line in done.stdout.decode().splitlines()]
        serious = [f for f in found if f.get("severity") in ("error", "warning")]
        check(done.returncode == (3 if serious else 0), self.row, "exit", done.returncode, found, done.stderr[-400:])
        return [f for f in found if "check" in f]

    def names(self, found):
        return sorted({f["check"] for f in found} - self.base)

    def finds(self, *flags, env=None, says="", mend=True, fix=None, **how):
        """Exactly this row is found, and gone when the command that it names was run. `fix` changes
        that command as its reader would."""
        found = self.doctor(*flags, env=env, **how)
        check(self.names(found) == [self.row], "planted:", self.row, "found:", [(f["check"], f["finding"]) for f in found])
        one = next(f for f in found if f["check"] == self.row)
        check(one["severity"] == self.table[self.row]["severity"] and one["command"] == self.table[self.row]["command"], one)
        check(says in one["finding"], self.row, "does not say", says, ":", one["finding"])
        check(one["fix"] and "{" not in one["fix"], "what mends it:", one)
        if one["command"] and mend and not one["fix"].startswith(FOREIGN):
            self.mend(fix(one["fix"]) if fix else one["fix"], flags, env or {}, how)
        return one

    def mend(self, command, flags, env, how):
        done = self.run(["sh", "-c", command], env)
        check(done.returncode in (0, 3), command, "ended with", done.returncode, done.stderr[-600:], done.stdout[-300:])
        after = self.names(self.doctor(*[f for f in flags if f != "--fix"], env=env, **how))
        check(self.row not in after, self.row, "is there after", command, done.stdout[-300:], done.stderr[-600:])

    def well(self, *flags, **how):
        check(self.names(self.doctor(*flags, **how)) == [], "found where all is well:", self.doctor(*flags, **how))

    def play(self, group):
        """Every mistake of a group, one after another."""
        failed = []
        for row, plants in PLANTS.items():
            for its, function in plants:
                if its != group:
                    continue
                self.row, self.base = row, set()
                began = time.monotonic()
                try:
                    function(self)
                except Skip:
                    continue
                except Failure as why:
                    failed.append(f"{function.__name__}: {why}")
                self.e.http.close()  # it may have been idle for long
                self.e.no_faults()
                self.e.admin("POST", "/permissions", {"permissions": None})
                if os.environ.get("DOCTOR_TIMES"):
                    print(f"     {time.monotonic() - began:.2f} s {function.__name__}")
        check(not failed, f"{len(failed)} of the mistakes:\n  ", "\n  ".join(failed))


class Listener:
    """Somebody else's server: answers each connection with what is said, or not at all."""

    def __init__(self, talk, port=0):
        self.socket = socket.create_server(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        self.talk = talk
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                one, _ = self.socket.accept()
                threading.Thread(target=self.one, args=(one,), daemon=True).start()

    def one(self, connection):
        with contextlib.suppress(OSError), connection:
            self.talk(connection)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def program_for_all(place):
    """The program where every user may run it."""
    path = pathlib.Path("/tmp") / f"{place.dir.name}-brindle"
    shutil.copy(BRINDLE, path)
    path.chmod(0o755)
    return path


def ignore_full():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


__all__ = ["BRINDLE", "FakeDaemon", "KEY", "Listener", "PLANTS", "Ward", "check", "free_port", "ignore_full", "plant",
           "program_for_all", "until"]
