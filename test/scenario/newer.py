"""For a scenario: the statements of a program that knows one migration more."""
import pathlib
import re
import sys

text = pathlib.Path(sys.argv[1]).read_text()
known = int(re.search(r"const int migration_count = (\d+);", text)[1])
table = '"create table _of_a_newer_program (one integer);"'
text = text.replace(f"migration_count = {known};", f"migration_count = {known + 1};")
text = re.sub(r"\};\s*\Z", f"    {{ {table}, {table} }},\n}};\n", text)
pathlib.Path(sys.argv[2]).write_text(text)
