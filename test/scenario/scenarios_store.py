"""The store's file, and what people do to it while it is open."""
import errno
import json
import os
import pathlib
import resource
import signal
import subprocess

from place import BRINDLE, Skip, check, until

SCENARIOS = []


def scenario(ident):
    def note(function):
        SCENARIOS.append((ident, function))
        return function
    return note


def ended_with_its_reason(place, d):
    until("the daemon ends", d.gone)
    check(d.process.returncode == 7, "it ended with", d.process.returncode)
    check("was removed or replaced while it was open" in place.text_of("daemon.log"),
          "the log does not say why")


@scenario("STORE-01")
def a_removed_database_is_noticed(place):
    e = place.emulator
    for name in "xyz":
        e.post("/v1/products", name=name)
    d = place.start()
    place.catch_up(d)
    event = e.events(type="product.created")[0]

    place.db_path.rename(place.dir / "aside.db")  # and nobody writes: who asks is told
    until("it is noticed", lambda: d.http.ask("GET", "/readyz")[0] in (0, 503))
    check(d.deliver({**event, "id": "evt_late"}) in (0, 503), "a delivery was taken")
    ended_with_its_reason(place, d)
    (place.dir / "aside.db").rename(place.db_path)
    d = place.start()
    place.check_all(d)

    place.db_path.unlink()
    count = iter(range(1000000))
    until("a delivery is refused",
          lambda: d.deliver({**event, "id": f"evt_{next(count)}"}) in (0, 503))
    ended_with_its_reason(place, d)
    d = place.start()
    place.run("sync")
    d.idle()
    place.check_all(d)


class MountedDisk:
    """A file system of its own, which is filled and emptied; needs the right to mount."""
    ROOM = 400_000

    def __init__(self, place):
        self.dir = place.dir / "data"
        self.dir.mkdir(mode=0o700)
        self.ballast = self.dir / "ballast"
        self.mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "none", self.dir],
                                      capture_output=True, check=False).returncode == 0

    def fill(self, _):
        room = os.statvfs(self.dir)
        self.ballast.write_bytes(b"x" * (room.f_bavail * room.f_frsize - self.ROOM))

    def free(self, _):
        self.ballast.unlink()

    def gone(self):
        if self.mounted:
            subprocess.run(["umount", "-l", self.dir], check=True)


class LimitedFiles:
    """Where nothing may be mounted: no file of the daemon's may grow beyond a size."""
    def __init__(self, place):
        self.dir = place.dir / "data"

    def fill(self, daemon):
        size = max(p.stat().st_size for p in self.dir.iterdir())
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE,
                         (size + MountedDisk.ROOM, resource.RLIM_INFINITY))

    def free(self, daemon):
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE,
                         (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def gone(self):
        pass


@scenario("STORE-02")
def a_full_disk_is_told_and_lived_through(place):
    mounted = MountedDisk(place)
    disk = mounted if mounted.mounted else LimitedFiles(place)
    try:
        live_through_a_full_disk(place, disk)
    finally:
        disk.gone()


def live_through_a_full_disk(place, disk):
    product = place.emulator.post("/v1/products", name="x")
    d = place.start(limits=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
    place.run("sync", "products")
    disk.fill(d)

    def event(n):
        return {"id": f"evt_{n}", "object": "event", "type": "product.updated", "livemode": False, "created": 1,
                "data": {"object": {**product, "filler": "x" * 20000}}}
    answers = {n: d.deliver(event(n)) for n in range(100)}
    refused = [n for n, status in answers.items() if status != 200]
    check(refused and set(answers.values()) == {200, 503}, "the answers were", sorted(set(answers.values())))
    check(not d.gone(), "the daemon ended")
    ready, _, said = d.http.ask("GET", "/readyz")
    check(ready == 503 and json.loads(said)["status"] == "disk_full", "it says", ready, said)

    disk.free(d)
    until("a delivery is taken", lambda: d.deliver(event(refused[0])) == 200)
    d.deliver_ok(*[event(n) for n in refused])
    d.idle()
    for n in answers:
        check(place.one("select 1 from _inbox where event = ?", f"evt_{n}"), n, "is lost")
    check(d.http.ask("GET", "/readyz")[0] == 200, "it is not ready again")
    place.check_all(d)
    d.stop()
    if isinstance(disk, MountedDisk):
        a_command_says_so(place, disk)


def a_command_says_so(place, disk):
    for i in range(30):
        place.emulator.post("/v1/products", name="y", metadata={f"k{j}": "x" * 500 for j in range(40)})
    disk.fill(None)
    said = place.run("sync", "products", code=1)[1]
    check("disk is full" in said and "nothing is damaged" in said, "it says", said)
    disk.free(None)
    place.run("sync", "products")
    check(not place.differences(["product"]), "the mirror differs")


@scenario("STORE-03")
def a_sync_that_fails_ends_the_daemon_and_a_new_one_goes_on(place):
    shim = pathlib.Path(BRINDLE).parent / "test" / "scenario" / "failing_sync.so"
    if not shim.exists():
        raise Skip("the library whose syncs fail was not built beside the program")
    product = place.emulator.post("/v1/products", name="x")
    fails = place.dir / "fails"

    def event(n):
        return {"id": f"evt_{n}", "object": "event", "type": "product.updated", "livemode": False, "created": 1,
                "data": {"object": product}}
    answers = {}
    for turn, number in enumerate((errno.ENOSPC, errno.EIO)):
        d = place.start(LD_PRELOAD=str(shim), FAILING_SYNC=str(fails), ASAN_OPTIONS="verify_asan_link_order=0")
        before = place.text_of("daemon.log")
        answers[f"{turn}-well"] = d.deliver(event(f"{turn}-well"))
        d.idle()
        fails.write_text(str(number))
        answers[f"{turn}-failed"] = d.deliver(event(f"{turn}-failed"))
        until("the daemon ends", d.gone)
        fails.unlink()
        said = place.text_of("daemon.log")[len(before):]
        check(d.process.returncode == 1, "it ended with", d.process.returncode, said[-600:])
        check("event=disk_failed" in said and "event=damaged" not in said, "the log says", said[-600:])
        check(("disk is full" in said) == (number == errno.ENOSPC), "the reason is missing:", said[-600:])
    check([answers[n] for n in sorted(answers)] == [503, 200] * 2, "the answers were", answers)
    d = place.start()
    for n, status in answers.items():
        if status == 200:
            check(place.one("select 1 from _inbox where event = ?", f"evt_{n}"), n, "is lost")
        d.deliver_ok(event(n))
    place.check_all(d)
