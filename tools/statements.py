#!/usr/bin/env python3
"""Makes statements.h and statements.c from src/sql/*.sql.

One statement a file. `name.sql` is every dialect's unless `name.pg.sql` overrides it. The first
line is a comment that names the statement's user. Binds are $1 … $n, in the order of their first
appearance, so that SQLite (which numbers names as they come) and PostgreSQL agree.
`name.many.pg.sql` does what many runs of `name` would do: the same binds, each an array of bigint or
text, and named with that type where they first appear: $3::text[].
schema-NNN.sql (and schema-NNN.pg.sql) are the migrations, in the order of their numbers.
Use: statements.py SQL_DIR OUT.h OUT.c
"""
import pathlib, re, sys

sql_dir, out_h, out_c = map(pathlib.Path, sys.argv[1:4])


def load(path):
    lines = path.read_text().rstrip("\n").split("\n")
    if not lines[0].startswith("-- "):
        sys.exit(f"{path}: the first line must be a comment that names the statement's user")
    text = "\n".join(line for line in lines[1:] if not line.lstrip().startswith("--")).strip()
    if text.endswith(";"):
        sys.exit(f"{path}: one statement, without a semicolon")
    seen = []
    for digit in re.findall(r"\$(\d+)", text):
        if digit not in seen:
            seen.append(digit)
    if seen != [str(i + 1) for i in range(len(seen))]:
        sys.exit(f"{path}: binds must first appear in the order $1, $2, …; found {seen}")
    return text, len(seen)


def array_types(path, text, n):
    types = dict(re.findall(r"\$(\d+)::(bigint|text)\[\]", text))
    if len(types) != n:
        sys.exit(f"{path}: each bind is an array: $1::text[] or $1::bigint[]")
    return "".join("i" if types[str(i + 1)] == "bigint" else "t" for i in range(n))


def quote(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').split("\n")
    return "\n        ".join(f'"{line.rstrip()}\\n"' for line in escaped)


names = sorted(p.name[:-4] for p in sql_dir.glob("*.sql") if not p.name.endswith(".pg.sql")
               and not p.name.startswith("schema"))
head = ["/* Generated from src/sql by tools/statements.py. */", "#pragma once", "", "enum stmt {"]
body = ["/* Generated from src/sql by tools/statements.py. */", '#include "world/statements.h"', "", "#include <stddef.h>", "",
        "const struct stmt_info stmt_table[STMT_COUNT] = {"]
for name in names:
    text, n = load(sql_dir / f"{name}.sql")
    pg_path = sql_dir / f"{name}.pg.sql"
    pg, pg_n = load(pg_path) if pg_path.exists() else (text, n)
    if n != pg_n:
        sys.exit(f"{pg_path}: takes {pg_n} binds, {name}.sql takes {n}")
    many, many_types = "NULL", "NULL"
    many_path = sql_dir / f"{name}.many.pg.sql"
    if many_path.exists():
        many_text, many_n = load(many_path)
        if many_n != n:
            sys.exit(f"{many_path}: takes {many_n} binds, {name}.sql takes {n}")
        many, many_types = quote(many_text), f'"{array_types(many_path, many_text, n)}"'
    ident = "STMT_" + name.upper().replace("-", "_")
    head.append(f"    {ident},")
    body.append(f'    [{ident}] = {{\n        "{name}", {n},\n        {quote(text)},\n        {quote(pg)},\n'
                f'        {many}, {many_types},\n    }},')
migrations = sorted(p for p in sql_dir.glob("schema-*.sql") if not p.name.endswith(".pg.sql"))
head += ["    STMT_COUNT", "};", "", "struct stmt_info {", "    const char *name;",
         "    unsigned n_args;", "    const char *sqlite;", "    const char *pg;",
         "    const char *pg_many;  /* many runs at once, each argument an array; NULL: there is none */",
         "    const char *pg_types; /* of its arrays: i or t each */", "};", "",
         "extern const struct stmt_info stmt_table[STMT_COUNT];", ""]
head += ["/* Forward migrations; version n is migration_table[n - 1]. pg is NULL where there is none yet. */",
         "struct migration {", "    const char *sqlite;", "    const char *pg;", "};", "",
         "extern const int migration_count;",
         "extern const struct migration migration_table[];", ""]
body += ["};", "", f"const int migration_count = {len(migrations)};", "const struct migration migration_table[] = {"]
for number, path in enumerate(migrations, 1):
    if path.name != f"schema-{number:03}.sql":
        sys.exit(f"{path}: migrations are numbered without gaps; expected schema-{number:03}.sql")
    pg_path = sql_dir / f"schema-{number:03}.pg.sql"
    pg_text = quote(pg_path.read_text()) if pg_path.exists() else "NULL"
    body.append(f"    {{\n        {quote(path.read_text())},\n        {pg_text},\n    }},")
body += ["};", ""]
out_h.write_text("\n".join(head))
out_c.write_text("\n".join(body))
