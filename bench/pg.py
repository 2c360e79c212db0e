#!/usr/bin/env python3
"""Ingest and reads on PostgreSQL beside bare ones, and a backfill beside SQLite's, on a server of its
own on this disk.

    pg.py BUILD_DIRECTORY [MILLISECONDS [OBJECTS]]
"""
import os
import pathlib
import subprocess
import sys
import types

from run import TYPES, Bench

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "test" / "scenario"))
from cluster import Cluster, Missing


class Backfill(Bench):
    url = None  # of a database; None: SQLite

    def environment(self, stripe, data, **more):
        env = super().environment(stripe, data, **more)
        return {**env, "DATABASE_URL": self.url} if self.url else env

    def measure(self, total, url):
        server, port = self.list_server(total)
        self.url = url
        took, _, _ = self.sync(port, self.fresh("backfill"), *TYPES)
        self.stop(server)
        return total / took


def main():
    words = sys.argv[1:]
    where = os.environ.get("BENCH_DIR", "/var/tmp")
    total = int(words[2]) if len(words) > 2 else 60000
    try:
        cluster = Cluster(parent=where)
    except Missing as why:
        print(f"skipped: {why}")
        return
    bench = Backfill(types.SimpleNamespace(build=words[0], dir=where))
    try:
        subprocess.run([pathlib.Path(words[0]) / "bench" / "bench_pg_alone",
                        cluster.url(cluster.database()), *words[1:2]], check=True)
        file = bench.measure(total, None)
        here = bench.measure(total, cluster.url(cluster.database()))
        print(f"\nbackfill of {total} objects: {here:.0f} objects/s, {here / file:.2f} of SQLite's {file:.0f}")
    finally:
        bench.close()
        cluster.remove()


main()
