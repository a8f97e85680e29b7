"""python3-dateutil as the peer of test/bench/rrule.c: next occurrence, DTSTART ten years back."""
import time
from datetime import datetime

from dateutil.rrule import rrulestr

RULES = """FREQ=DAILY
FREQ=WEEKLY;BYDAY=MO,WE,FR
FREQ=MONTHLY;BYMONTHDAY=31
FREQ=MONTHLY;BYDAY=-1FR
FREQ=YEARLY;BYMONTH=11;BYDAY=4TH
FREQ=WEEKLY;INTERVAL=2;BYDAY=TU
FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1
FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO
FREQ=DAILY;COUNT=100000
FREQ=HOURLY"""
NOW = datetime(2026, 11, 22, 12)
SECONDS = 0.2

print(f"{'ns, python3-dateutil (peer)':48} {'next 10y':>12}")
for text in RULES.split("\n"):
    rule = rrulestr(text, dtstart=datetime(2016, 11, 22, 9))
    calls = 0
    start = time.perf_counter()
    while calls == 0 or time.perf_counter() - start < SECONDS:
        rule.after(NOW)
        calls += 1
    print(f"{text:48} {(time.perf_counter() - start) / calls * 1e9:12.0f}")
