"""errors.py FILE... - every error has an SQLSTATE, and ours are in the table.

C: ereport(ERROR | FATAL | PANIC, ...) names an errcode; elog(ERROR) is for "can't happen" and is
counted, not refused.  SQL: raise (exception) names an errcode.  Every YA state that is used stands
in extension/errcodes.txt.
"""
import re
import sys

TABLE = "extension/errcodes.txt"
STATES = {line.split()[0] for line in open(TABLE) if line.strip() and line[0] != "#"}
MACROS = {line.split()[1] for line in open(TABLE) if line.strip() and line[0] != "#"}


def call_at(text, start):
    """The call whose opening parenthesis is the first at or after start."""
    begin = text.index("(", start)
    depth = 0
    for i in range(begin, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return text[begin:i + 1]
    return text[begin:]


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def check_c(path, text):
    for match in re.finditer(r"\bereport\s*\(\s*(ERROR|FATAL|PANIC)\b", text):
        if "errcode" not in call_at(text, match.start()):
            yield line_of(text, match.start()), "ereport without errcode"
    for match in re.finditer(r"\bERRCODE_AGENDA_(\w+)", text):
        if match.group(1) not in MACROS:
            yield line_of(text, match.start()), f"{match.group(0)} is not in {TABLE}"


def check_sql(path, text):
    for match in re.finditer(r"(?mi)^\s*raise\s+(exception\b|using\b)", text):
        statement = text[match.start():text.index(";", match.start())]
        if "errcode" not in statement:
            yield line_of(text, match.start()), "raise without errcode"
    for match in re.finditer(r"errcode\s*=\s*'(\w+)'", text):
        state = match.group(1)
        if state not in STATES and state[:2] not in STATES:
            yield line_of(text, match.start()), f"{state} is not in {TABLE}"


for name in sys.argv[1:]:
    content = open(name).read()
    for line, why in (check_c if name.endswith(".c") else check_sql)(name, content):
        print(f"{name}:{line}: {why}")
