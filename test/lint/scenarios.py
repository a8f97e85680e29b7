"""scenarios.py FILE... - test/SCENARIOS.md has every number that a test bears, with the file, and no other.

A test bears S1 or U1 at the beginning of its description (several: "U1 U2 ..."), a spec in a comment.
"""
import re
import sys

LIST = "test/SCENARIOS.md"
DESCRIPTION = re.compile(r"['\"](?:[SU]\d+:? )+|^# (?:[SU]\d+: )", re.M)


def name_of(path):
    return re.sub(r"^test/|\.(sql|t|spec)$", "", path)


listed = {}
for number, line in enumerate(open(LIST), 1):
    row = re.match(r"\| ([SU]\d+) \| .* \| (.*) \|$", line)
    if row:
        listed[row.group(1)] = (number, set(row.group(2).split(", ")))

borne = {}
for path in sys.argv[1:]:
    for match in DESCRIPTION.finditer(open(path).read()):
        for mark in re.findall(r"[SU]\d+", match.group()):
            borne.setdefault(mark, set()).add(name_of(path))

for mark in sorted(set(listed) | set(borne), key=lambda m: (m[0], int(m[1:]))):
    line, files = listed.get(mark, (1, set()))
    for name in sorted(files - borne.get(mark, set())):
        print(f"{LIST}:{line}: no test of {name} bears {mark}")
    for name in sorted(borne.get(mark, set()) - files):
        print(f"{LIST}:{line}: {mark} is borne by tests of {name}")
