"""What may stand between Brindle and the emulator: a server that passes everything on and bends
some answers, and a clock that is off."""
import contextlib
import http.client
import http.server
import mmap
import os
import pathlib
import shutil
import struct
import subprocess
import threading

from place import PATIENCE, Skip, until

PASSED = ("content-type", "request-id", "stripe-should-retry", "stripe-version", "retry-after",
          "idempotent-replayed", "original-request", "stripe-rate-limited-reason")


class Gate:
    """Holds answers back: of the requests whose path begins so, `count` of them (all, without one)
    behind the first `after`. They have been carried out; whoever asked waits until it is opened."""

    def __init__(self, method, path, after, count):
        self.method, self.path, self.after, self.count = method, path, after, count
        self.lock, self.opened = threading.Lock(), threading.Event()
        self.seen = self.held = 0

    def meets(self, method, path):
        if method != self.method or not path.startswith(self.path):
            return False
        with self.lock:
            self.seen += 1
            mine = self.seen > self.after and (self.count is None or self.held < self.count)
            self.held += mine
            return mine

    def come(self, n=1):
        until(f"{n} x {self.method} {self.path} waits for its answer", lambda: self.held >= n)

    def open(self):
        self.opened.set()


class Front:
    """`bend(path, status, body)` gives (status, content type, body), or a body to be cut in half
    as (status, None, body), or None: as it came."""

    def __init__(self, emulator):
        self.bend = None
        self.cut = False  # nothing is passed on, and nobody answers
        self.asked = []
        self.gates = []
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # headers and body leave together
            disable_nagle_algorithm = True

            def pass_on(self):
                if front.cut:
                    self.close_connection = True
                    return
                front.asked.append(self.path)
                upstream = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=PATIENCE)
                head = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
                length = int(self.headers.get("Content-Length") or 0)
                upstream.request(self.command, self.path, self.rfile.read(length) or None, head)
                answer = upstream.getresponse()
                status, body = answer.status, answer.read()
                kind, bent = answer.headers["Content-Type"], None
                if front.bend and (bent := front.bend(self.path, status, body)):
                    status, kind, body = bent
                gates = [g for g in front.gates if not g.opened.is_set()]
                if gate := next((g for g in gates if g.meets(self.command, self.path)), None):
                    gate.opened.wait()
                self.send_response(status)
                for name, value in answer.headers.items():
                    if name.lower() in PASSED and name.lower() != "content-type":
                        self.send_header(name, value)
                self.send_header("Content-Type", kind or "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                upstream.close()
                if bent and not kind:
                    self.wfile.write(body[:len(body) // 2])
                    self.close_connection = True
                else:
                    self.wfile.write(body)

            do_GET = do_POST = do_DELETE = pass_on

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # whoever asks may be killed meanwhile
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def env(self):
        return {"STRIPE_API_BASE": f"http://127.0.0.1:{self.server.server_port}"}

    def gate(self, method, path, after=0, count=None):
        self.gates.append(Gate(method, path, after, count))
        return self.gates[-1]

    def stop(self):
        for gate in self.gates:
            gate.open()
        self.server.shutdown()
        self.server.server_close()


def stand_before(place):
    """From now on the place's daemons and commands reach the emulator through a Front."""
    place.front = Front(place.emulator)
    place.things.append(place.front)
    return place.front


CLOCK = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile long long *off;
__attribute__((constructor)) static void begin(void)
{
    int fd = open(getenv("CLOCK_OFF"), O_RDONLY);
    void *p = mmap(0, sizeof *off, PROT_READ, MAP_SHARED, fd, 0);
    off = p == MAP_FAILED ? 0 : p;
    close(fd);
}
int clock_gettime(clockid_t id, struct timespec *t)
{
    int r = (int)syscall(SYS_clock_gettime, id, t);
    if (r == 0 && off && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        t->tv_sec += *off;
    return r;
}
int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
"""


class Clock:
    """The wall clock of a place's daemons and commands, off by `off` seconds; jump() moves it under
    them. Signatures are made by it, too, so that a delivery is of its time."""

    def __init__(self, place, off=0):
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if not compiler:
            raise Skip("there is no C compiler to make a clock that is off")
        library, state = place.dir / "clock.so", place.dir / "clock"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-x", "c", "-", "-o", library],
                       input=CLOCK.encode(), check=True)
        pathlib.Path(state).write_bytes(struct.pack("q", off))
        with open(state, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 8)
        self.off, self.lock = off, threading.Lock()
        self.env = {"LD_PRELOAD": str(library), "CLOCK_OFF": str(state)}
        place.clock = self

    def jump(self, off):
        with self.lock:
            self.off = off
            self.map[:8] = struct.pack("q", off)

    @contextlib.contextmanager
    def restless(self, offs, every):
        """Jumps through `offs` again and again while the body runs."""
        over = threading.Event()

        def run():
            at = 0
            while not over.wait(every):
                at += 1
                self.jump(offs[at % len(offs)])
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
