"""The same as ours.c by python3-dateutil; "timeout" where it takes longer than 0.05 s of processor time."""
import itertools
import signal
import sys
from datetime import datetime

from dateutil.rrule import rrulestr

LIMIT = 12


class TooLong(Exception):
    pass


def on_alarm(_signal, _frame):
    raise TooLong


def expand(dtstart, rule):
    start = datetime.strptime(dtstart, "%Y%m%dT%H%M%S")
    found = itertools.takewhile(
        lambda t: t.year < 2100, itertools.islice(rrulestr(rule, dtstart=start), LIMIT)
    )
    return "".join(t.strftime("%Y%m%dT%H%M%S ") for t in found)


def main():
    signal.signal(signal.SIGVTALRM, on_alarm)
    for line in sys.stdin:
        dtstart, rule = line.rstrip("\n").split("\t")
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.05)
        try:
            answer = expand(dtstart, rule)
        except TooLong:
            answer = "timeout"
        except ValueError:
            answer = "error"
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        print(answer)


main()
