"""A PostgreSQL of the scenarios' own: one cluster a run, a database a place."""
import glob
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time

from shake import hold, send

SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{dir}'
max_connections = 200
shared_buffers = 64MB
log_min_messages = warning
"""


class Missing(Exception):
    """The server's programs are not installed."""


POOLER = """
[databases]
* = host={dir} user=postgres
[pgbouncer]
listen_addr =
unix_socket_dir = {dir}
listen_port = 6432
auth_type = any
pool_mode = transaction
default_pool_size = 6
max_client_conn = 500
server_login_retry = 1
logfile = {dir}/pooler.log
pidfile = {dir}/pooler.pid
"""


# Ends with the run, however that ends, and takes the server and its folder with it.
GUARD = """cat; pid=$(head -1 "$1/data/postmaster.pid") && kill -QUIT "$pid" &&
kill -CONT "$pid" && while kill -0 "$pid"; do sleep 0.05; done; rm -rf "$1\""""


def programs():
    """The folder that PG_BIN names, or else that of the newest version that Debian has installed."""
    if os.environ.get("PG_BIN"):
        return pathlib.Path(os.environ["PG_BIN"]).resolve()
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"),
                   key=lambda p: int(p.split("/")[4].split(".")[0]))
    if not found:
        raise Missing("PostgreSQL's programs are not installed: apt-get install postgresql")
    return pathlib.Path(found[-1]).parent


class Cluster:
    def __init__(self, parent=None, pooler=False, copy_of=None):
        """In memory where there is some, unless `parent` names a folder. With a pooler, the
        addresses are those of a PgBouncer in transaction mode in front. See standby() for a copy."""
        self.pooler = None
        if pooler and not shutil.which("pgbouncer"):
            raise Missing("PgBouncer is not installed: apt-get install pgbouncer")
        self.bin = programs()
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="brindle-pg-", dir=parent or memory))
        self.databases = 0
        # Nobody inherits our end of the pipe: it closes when this process ends.
        self.guard = subprocess.Popen(["sh", "-c", GUARD, "guard", self.dir], stdin=subprocess.PIPE,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                      start_new_session=True)
        self.user = None
        if os.geteuid() == 0:  # initdb refuses root
            names = {u.pw_name: u for u in pwd.getpwall()}
            self.user = names.get("postgres") or names["nobody"]
            os.chown(self.dir, self.user.pw_uid, self.user.pw_gid)
        if copy_of:
            return
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                 "--locale=C.UTF-8", "-N")
        self.configure(SETTINGS.format(dir=self.dir))
        self.start()
        if pooler:
            self.start_pooler()

    def configure(self, text):
        with open(self.data / "postgresql.conf", "a") as f:
            f.write(text)

    def standby(self):
        """A second server that follows this one. What is committed here is there, too, as soon as
        the commit is answered: this one waits for it."""
        self.stop()
        other = Cluster(copy_of=self)
        subprocess.run(["cp", "-a", self.data, other.data], check=True)
        other.configure(f"unix_socket_directories = '{other.dir}'\n"
                        f"primary_conninfo = 'host={self.dir} user=postgres application_name=standby'\n")
        (other.data / "standby.signal").touch()
        self.configure("synchronous_standby_names = 'standby'\n")
        self.start()
        other.start()
        for _ in range(2000):
            if self.sql("postgres", "select sync_state from pg_stat_replication;").strip() == "sync":
                return other
            time.sleep(0.03)
        raise RuntimeError("the standby does not follow: " + (other.dir / "log").read_text()[-500:])

    def promote(self):
        self.run("pg_ctl", "-D", self.data, "-w", "-t", "60", "promote")

    def start_pooler(self):
        config = self.dir / "pooler.ini"
        config.write_text(POOLER.format(dir=self.dir))
        self.pooler = subprocess.Popen(["pgbouncer", "-q", config], cwd="/", preexec_fn=self.become,
                                       stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not (self.dir / ".s.PGSQL.6432").exists():
            if self.pooler.poll() is not None:
                raise RuntimeError("PgBouncer does not start")
            time.sleep(0.01)

    def become(self):
        if self.user:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)

    @property
    def data(self):
        return self.dir / "data"

    def run(self, program, *args, ok=True):
        done = subprocess.run([self.bin / program, *args], cwd="/", stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              preexec_fn=self.become)
        if ok and done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stderr.decode()[-500:]}")
        return done.returncode == 0

    def start(self):
        """After a kill the shared memory of the dead is there for a moment: asks again."""
        for _ in range(100):
            if self.run("pg_ctl", "-D", self.data, "-l", self.dir / "log", "-w", "-t", "60", "start", ok=False):
                return
            time.sleep(0.1)
        raise RuntimeError("PostgreSQL does not start: " + (self.dir / "log").read_text()[-500:])

    def postmaster(self):
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def kill(self):
        """As the machine's power would go, but for the disk."""
        family = self.freeze()
        for pid in family:
            send(pid, signal.SIGKILL)
        while any(alive(pid) for pid in family):
            time.sleep(0.005)

    def freeze(self):
        """Stops the server and the processes that it has made, and tells which."""
        first = self.postmaster()
        hold(first)  # it makes no more of them
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(first)], capture_output=True)
        family = [first] + [int(p) for p in children.stdout.split()]
        hold(*family)
        return family

    def thaw(self, family):
        for pid in family:
            send(pid, signal.SIGCONT)

    def stop(self):
        self.run("pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop", ok=False)

    def remove(self):
        if self.pooler:
            self.pooler.kill()
            self.pooler.wait()
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop", ok=False)
        self.guard.stdin.close()
        self.guard.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def database(self):
        self.databases += 1
        name = f"place{self.databases}"
        self.sql("postgres", f"create database {name}")
        return name

    def url(self, name):
        port = "&port=6432" if self.pooler else ""
        return f"postgresql:///{name}?host={self.dir}&user=postgres{port}"

    def sql(self, database, text, schema="brindle_test"):
        done = subprocess.run(["psql", "-h", self.dir, "-U", "postgres", "-d", database, "-qAtX",
                               "-v", "ON_ERROR_STOP=1", "-f", "-"],
                              input=f'set search_path to "{schema}", public;\n{text}\n'.encode(),
                              capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"{text}: {done.stderr.decode()[-500:]}")
        return done.stdout.decode()

    def schemas(self, database):
        """Those of ours."""
        return self.sql(database, "select nspname from pg_namespace where nspname like 'brindle\\_%';").split()

    def dump(self, database, schema=None):
        """Every row of every table of ours, or of one schema. pg_dump would have to be as new as the
        server."""
        return "".join(self.sql(database, "\n".join(
            f'copy "{t}" to stdout;' for t in self.sql(
                database, f"select tablename from pg_tables where schemaname = '{s}';").split()), s)
            for s in ([schema] if schema else self.schemas(database)))

    def rows(self, database, sql, args, schema="brindle_test"):
        """What SQLite would answer to the same question, as tuples."""
        values = iter(args)
        sql = re.sub(r"\?", lambda _: literal(next(values)), sql)
        sql = re.sub(r"\bdata\b(?=[^()]*\bfrom objects\b)", "raw", sql)
        sql = re.sub(r"json_extract\(data, '\$\.([\w.]+)'\)",
                     lambda m: "(data #> '{" + m[1].replace(".", ",") + "}')", sql)
        text = self.sql(database, f"select row_to_json(t) from ({sql}) t;", schema)
        return [tuple(v for _, v in json.loads(line, object_pairs_hook=list))
                for line in text.split("\n") if line]


def alive(pid):
    """Not so when nothing but its entry is left, until its parent asks."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def literal(value):
    if value is None:
        return "null"
    if isinstance(value, (int, float)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
