"""length.py FILE... - lengths, header comments, comment share.

No function of C beyond 90 lines, no file beyond 800, every file opens with a comment, lines of C
within 140 columns.
"""
import re
import sys

MAX_FUNCTION = 90
MAX_FILE = 800
MAX_LINE = 140
OPENING = {"c": ("/*",), "h": ("/*",), "sql": ("--",), "sh": ("#",), "pl": ("#",), "pm": ("#",), "py": ('"""', "#")}


def functions(lines):
    """(first line, length) of functions: from a brace at column 0 to the next closing one."""
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            if not line.startswith("};"):
                yield start, number - start + 1
            start = None


for path in sys.argv[1:]:
    lines = open(path, encoding="utf-8").read().split("\n")
    kind = path.rsplit(".", 1)[-1]
    if len(lines) - 1 > MAX_FILE:
        print(f"{path}:1: {len(lines) - 1} lines, at most {MAX_FILE}")
    first = next((line for line in lines if line.strip() and not line.startswith("#!")), "")
    if not first.startswith(OPENING[kind]) and not path.startswith("sql/header"):
        print(f"{path}:1: has no comment at its head")
    if kind == "c":
        for number, length in functions(lines):
            if length > MAX_FUNCTION:
                print(f"{path}:{number}: a function of {length} lines, at most {MAX_FUNCTION}")
    if kind in ("c", "h"):
        for number, line in enumerate(lines, 1):
            if len(re.sub("\t", "    ", line)) > MAX_LINE:
                print(f"{path}:{number}: a line of {len(line)} characters, at most {MAX_LINE}")
