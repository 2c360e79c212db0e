#!/usr/bin/env python3
"""Ingest on PostgreSQL beside a bare batched insert, on a server of its own on this disk.

    pg.py BUILD_DIRECTORY [MILLISECONDS]
"""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "test" / "scenario"))
from cluster import Cluster, Missing


def main():
    try:
        cluster = Cluster(parent=os.environ.get("BENCH_DIR", "/var/tmp"))
    except Missing as why:
        print(f"skipped: {why}")
        return
    try:
        subprocess.run([pathlib.Path(sys.argv[1]) / "bench" / "bench_pg_alone",
                        cluster.url(cluster.database()), *sys.argv[2:]], check=True)
    finally:
        cluster.remove()


main()
