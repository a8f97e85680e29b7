"""python3-dateutil: see README.md for what is measured and printed."""
import itertools
import sys
import time
from datetime import datetime

import dateutil
from dateutil.rrule import rrulestr

NOW = datetime(2026, 11, 22, 12)
SECONDS = 0.1
ROUNDS = 3


def best(call):
    """ns of a call: the best of some rounds of as many calls as fit into SECONDS, at least one"""
    found = float("inf")
    for _ in range(ROUNDS):
        calls = 0
        start = time.process_time()
        while True:
            call()
            calls += 1
            spent = time.process_time() - start
            if spent >= SECONDS:
                break
        found = min(found, spent / calls)
        if spent > 10 * SECONDS:
            break
    return found * 1e9


def start_of(year):
    return datetime(year, 11, 22, 9)


def main():
    print(f"# python3-dateutil {dateutil.__version__}")
    for text in sys.stdin.read().split():
        rules = [rrulestr(text, dtstart=start_of(year)) for year in (2016, 1976)]
        n = len(list(itertools.islice(rules[1], 1000)))
        print(
            f"{best(lambda: rules[0].after(NOW)):.1f}",
            f"{best(lambda: rules[1].after(NOW)):.1f}",
            f"{best(lambda: list(itertools.islice(rules[1], 1000))) / n:.1f}",
            f"{best(lambda: rrulestr(text, dtstart=start_of(1976))):.1f}",
            flush=True,
        )


main()
