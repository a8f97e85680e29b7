/*
 * test_rr_phrase.c
 *		Phrases: what people say and the rule it means, what is refused and where, and that every
 *		description reads back as its rule (random rules; the seed stands in the output, argument
 *		1 repeats a run), and random words end in a rule or in a positioned error.
 */
#include <stdlib.h>
#include <time.h>

#include "tap.h"
#include "rr_random.h"
#include "rr_text.h"

#include "recurrence/phrase.h"

/* Sunday, 22 November 2026 */
#define TODAY 20779

static const struct
{
	const char *phrase;
	const char *rule;
	int at; /* hundreds are hours, or -1 */
} understood[] = {
	{ "every day", "FREQ=DAILY", -1 },
	{ "Daily", "FREQ=DAILY", -1 },
	{ "every 3 days", "FREQ=DAILY;INTERVAL=3", -1 },
	{ "every three days", "FREQ=DAILY;INTERVAL=3", -1 },
	{ "every other day", "FREQ=DAILY;INTERVAL=2", -1 },
	{ "every second day", "FREQ=DAILY;INTERVAL=2", -1 },
	{ "every 3rd day", "FREQ=DAILY;INTERVAL=3", -1 },
	{ "daily until 1 March", "FREQ=DAILY;UNTIL=20270301", -1 },
	{ "daily until 1 March 2028", "FREQ=DAILY;UNTIL=20280301", -1 },
	{ "daily until the 1st of March", "FREQ=DAILY;UNTIL=20270301", -1 },
	{ "daily until March 1, 2028", "FREQ=DAILY;UNTIL=20280301", -1 },
	{ "daily till 2028-03-01", "FREQ=DAILY;UNTIL=20280301", -1 },
	{ "daily until 22 November", "FREQ=DAILY;UNTIL=20261122", -1 },
	{ "daily until 21 Nov", "FREQ=DAILY;UNTIL=20271121", -1 },
	{ "daily until 29 February", "FREQ=DAILY;UNTIL=20280229", -1 },
	{ "daily at 9am until 1 March 2027 17:00",
	  "FREQ=DAILY;UNTIL=20270301T170000;BYHOUR=9;BYMINUTE=0", 900 },
	{ "every week", "FREQ=WEEKLY", -1 },
	{ "weekly on Tuesday", "FREQ=WEEKLY;BYDAY=TU", -1 },
	{ "every Friday", "FREQ=WEEKLY;BYDAY=FR", -1 },
	{ "every other Friday", "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR", -1 },
	{ "every second friday", "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR", -1 },
	{ "every second Friday of the month", "FREQ=MONTHLY;BYDAY=2FR", -1 },
	{ "every Monday, Wednesday and Friday", "FREQ=WEEKLY;BYDAY=MO,WE,FR", -1 },
	{ "Mondays and Thursdays at 18:30", "FREQ=WEEKLY;BYHOUR=18;BYMINUTE=30;BYDAY=MO,TH", 1830 },
	{ "every Mon, Tue, and Wed", "FREQ=WEEKLY;BYDAY=MO,TU,WE", -1 },
	{ "every weekday", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", -1 },
	{ "weekdays at 9am", "FREQ=WEEKLY;BYHOUR=9;BYMINUTE=0;BYDAY=MO,TU,WE,TH,FR", 900 },
	{ "weekdays at 9 am", "FREQ=WEEKLY;BYHOUR=9;BYMINUTE=0;BYDAY=MO,TU,WE,TH,FR", 900 },
	{ "every weekend at noon", "FREQ=WEEKLY;BYHOUR=12;BYMINUTE=0;BYDAY=SA,SU", 1200 },
	{ "Friday to Monday", "FREQ=WEEKLY;BYDAY=MO,FR,SA,SU", -1 },
	{ "every 2 weeks on Mon and Thu for 10 times", "FREQ=WEEKLY;INTERVAL=2;COUNT=10;BYDAY=MO,TH",
	  -1 },
	{ "every fortnight on Monday", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", -1 },
	{ "every day, twice", "FREQ=DAILY;COUNT=2", -1 },
	{ "every day, 1 time", "FREQ=DAILY;COUNT=1", -1 },
	{ "every week on Saturday and Sunday", "FREQ=WEEKLY;BYDAY=SA,SU", -1 },
	{ "every week on Monday to Friday", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", -1 },
	{ "every month", "FREQ=MONTHLY", -1 },
	{ "monthly", "FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=BACKWARD", -1 },
	{ "monthly on the 31st", "FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=BACKWARD;BYMONTHDAY=31", -1 },
	{ "every month on the 15th and last day", "FREQ=MONTHLY;BYMONTHDAY=15,-1", -1 },
	{ "every month on the 1st, 10th and 20th", "FREQ=MONTHLY;BYMONTHDAY=1,10,20", -1 },
	{ "the 15th of every month", "FREQ=MONTHLY;BYMONTHDAY=15", -1 },
	{ "every 15th", "FREQ=MONTHLY;BYMONTHDAY=15", -1 },
	{ "first Monday of every month", "FREQ=MONTHLY;BYDAY=1MO", -1 },
	{ "the second and fourth Tuesday of the month", "FREQ=MONTHLY;BYDAY=2TU,4TU", -1 },
	{ "first Monday of every other month", "FREQ=MONTHLY;INTERVAL=2;BYDAY=1MO", -1 },
	{ "the last day of the month", "FREQ=MONTHLY;BYMONTHDAY=-1", -1 },
	{ "second to last day of every month", "FREQ=MONTHLY;BYMONTHDAY=-2", -1 },
	{ "last workday of the month at 17:00",
	  "FREQ=MONTHLY;BYHOUR=17;BYMINUTE=0;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", 1700 },
	{ "every month on the first weekday", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1", -1 },
	{ "every quarter", "FREQ=MONTHLY;INTERVAL=3", -1 },
	{ "quarterly", "FREQ=MONTHLY;INTERVAL=3;RSCALE=GREGORIAN;SKIP=BACKWARD", -1 },
	{ "every year", "FREQ=YEARLY", -1 },
	{ "every January", "FREQ=YEARLY;BYMONTH=1", -1 },
	{ "every January and July", "FREQ=YEARLY;BYMONTH=1,7", -1 },
	{ "yearly on 24 December", "FREQ=YEARLY;BYMONTHDAY=24;BYMONTH=12", -1 },
	{ "every 24 December", "FREQ=YEARLY;BYMONTHDAY=24;BYMONTH=12", -1 },
	{ "every year on December 24th", "FREQ=YEARLY;BYMONTHDAY=24;BYMONTH=12", -1 },
	{ "every year on the fourth Thursday of November", "FREQ=YEARLY;BYDAY=4TH;BYMONTH=11", -1 },
	{ "the first Monday of September", "FREQ=YEARLY;BYDAY=1MO;BYMONTH=9", -1 },
	{ "day 100 of the year", "FREQ=YEARLY;BYYEARDAY=100", -1 },
	{ "every day at 9:00 and 17:00", "FREQ=DAILY;BYHOUR=9,17;BYMINUTE=0", -1 },
	{ "every day at 12am", "FREQ=DAILY;BYHOUR=0;BYMINUTE=0", 0 },
	{ "every day at 12:30 pm", "FREQ=DAILY;BYHOUR=12;BYMINUTE=30", 1230 },
	{ "every Friday 9:00", "FREQ=WEEKLY;BYHOUR=9;BYMINUTE=0;BYDAY=FR", 900 },
	{ "every 2 hours", "FREQ=HOURLY;INTERVAL=2", -1 },
	{ "every 15 minutes", "FREQ=MINUTELY;INTERVAL=15", -1 },
	{ "every second", "FREQ=SECONDLY", -1 },
	{ "  EVERY\tday  ", "FREQ=DAILY", -1 },
	{ "everyday", "FREQ=DAILY", -1 },
	{ "every month on the 13th and 14th if that is Friday, or Sunday",
	  "FREQ=MONTHLY;BYDAY=FR,SU;BYMONTHDAY=13,14", -1 },
	{ "once a week", "FREQ=WEEKLY", -1 },
	{ "once every two weeks on Tuesday", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", -1 },
	{ "once per month", "FREQ=MONTHLY", -1 },
	{ "every 30 min", "FREQ=MINUTELY;INTERVAL=30", -1 },
	{ "every 2 hrs", "FREQ=HOURLY;INTERVAL=2", -1 },
	{ "on weekdays at 9am", "FREQ=WEEKLY;BYHOUR=9;BYMINUTE=0;BYDAY=MO,TU,WE,TH,FR", 900 },
	{ "on the 15th of every month", "FREQ=MONTHLY;BYMONTHDAY=15", -1 },
	{ "on every second Tuesday", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", -1 },
	{ "every business day", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", -1 },
	{ "first working day of the month", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1", -1 },
	{ "last business  day of the month", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", -1 },
	{ "Mon/Wed/Fri", "FREQ=WEEKLY;BYDAY=MO,WE,FR", -1 },
	{ "every Tue & Thu at 7:30", "FREQ=WEEKLY;BYHOUR=7;BYMINUTE=30;BYDAY=TU,TH", 730 },
	{ "Mon-Fri at 8", "FREQ=WEEKLY;BYHOUR=8;BYMINUTE=0;BYDAY=MO,TU,WE,TH,FR", 800 },
	{ "biweekly on Monday", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", -1 },
	{ "bimonthly", "FREQ=MONTHLY;INTERVAL=2;RSCALE=GREGORIAN;SKIP=BACKWARD", -1 },
	{ "semiannually", "FREQ=MONTHLY;INTERVAL=6;RSCALE=GREGORIAN;SKIP=BACKWARD", -1 },
	{ "biennially", "FREQ=YEARLY;INTERVAL=2;RSCALE=GREGORIAN;SKIP=BACKWARD", -1 },
	{ "alternate Tuesdays", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", -1 },
	{ "every alternate day", "FREQ=DAILY;INTERVAL=2", -1 },
	{ "every day except Sunday", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA", -1 },
	{ "every day except on weekends at 9am", "FREQ=WEEKLY;BYHOUR=9;BYMINUTE=0;BYDAY=MO,TU,WE,TH,FR",
	  900 },
	{ "weekdays excluding Wed & Fri", "FREQ=WEEKLY;BYDAY=MO,TU,TH", -1 },
	{ "Friday the 13th", "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", -1 },
	{ "every Friday the 13th at 8pm", "FREQ=MONTHLY;BYHOUR=20;BYMINUTE=0;BYDAY=FR;BYMONTHDAY=13",
	  2000 },
	{ "every first Monday of the quarter", "FREQ=YEARLY;BYDAY=1MO;BYMONTH=1,4,7,10", -1 },
	{ "the last workday of every quarter",
	  "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYMONTH=3,6,9,12;BYSETPOS=-1", -1 },
	{ "first day of the quarter", "FREQ=YEARLY;BYMONTHDAY=1;BYMONTH=1,4,7,10", -1 },
	{ "twice a month on the 1st and 15th", "FREQ=MONTHLY;BYMONTHDAY=1,15", -1 },
	{ "twice a week on Mon and Thu", "FREQ=WEEKLY;BYDAY=MO,TH", -1 },
	{ "twice a day at 9am and 5pm", "FREQ=DAILY;BYHOUR=9,17;BYMINUTE=0", -1 },
	{ "every leap day", "FREQ=YEARLY;BYMONTHDAY=29;BYMONTH=2", -1 },
	{ "every 4th of July", "FREQ=YEARLY;BYMONTHDAY=4;BYMONTH=7", -1 },
	{ "on the last day of every month", "FREQ=MONTHLY;BYMONTHDAY=-1", -1 },
	{ "every Mon, Wed & Fri at 9:30", "FREQ=WEEKLY;BYHOUR=9;BYMINUTE=30;BYDAY=MO,WE,FR", 930 },
	{ "second-last Friday of the month", "FREQ=MONTHLY;BYDAY=-2FR", -1 },
	{ "every morning at 9", "FREQ=DAILY;BYHOUR=9;BYMINUTE=0", 900 },
	{ "each evening at 7pm", "FREQ=DAILY;BYHOUR=19;BYMINUTE=0", 1900 },
	{ "every night at 1am", "FREQ=DAILY;BYHOUR=1;BYMINUTE=0", 100 },
	{ "nightly at 23:30", "FREQ=DAILY;BYHOUR=23;BYMINUTE=30", 2330 },
	{ "Monday mornings at 9am", "FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0", 900 },
	{ "every day at 9 in the morning", "FREQ=DAILY;BYHOUR=9;BYMINUTE=0", 900 },
	{ "9am every day", "FREQ=DAILY;BYHOUR=9;BYMINUTE=0", 900 },
	{ "at 17:00 every Friday", "FREQ=WEEKLY;BYDAY=FR;BYHOUR=17;BYMINUTE=0", 1700 },
	{ "every hour from 9am to 5pm", "FREQ=HOURLY;BYHOUR=9,10,11,12,13,14,15,16,17;BYMINUTE=0", -1 },
	{ "every 20 minutes at hours 9 to 16",
	  "FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11,12,13,14,15,16", -1 },
	{ "every day from June to August", "FREQ=DAILY;BYMONTH=6,7,8", -1 },
	{ "every Monday from November to February", "FREQ=WEEKLY;BYDAY=MO;BYMONTH=1,2,11,12", -1 },
	{ "every week from Monday to Thursday", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH", -1 },
	{ "every month from the 1st to the 3rd", "FREQ=MONTHLY;BYMONTHDAY=1,2,3", -1 },
	{ "the 1st to 3rd and 15th of every month", "FREQ=MONTHLY;BYMONTHDAY=1,2,3,15", -1 },
	{ "first 3 days of the month", "FREQ=MONTHLY;BYMONTHDAY=1,2,3", -1 },
	{ "the last two Fridays of the month", "FREQ=MONTHLY;BYDAY=-1FR,-2FR", -1 },
	{ "the first 2 workdays of the month", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1,2", -1 },
	{ "first weekend day of the month", "FREQ=MONTHLY;BYDAY=SA,SU;BYSETPOS=1", -1 },
	{ "the end of the month", "FREQ=MONTHLY;BYMONTHDAY=-1", -1 },
	{ "at the end of every month", "FREQ=MONTHLY;BYMONTHDAY=-1", -1 },
	{ "end of every quarter", "FREQ=YEARLY;BYMONTH=3,6,9,12;BYMONTHDAY=-1", -1 },
	{ "every 15th and last day", "FREQ=MONTHLY;BYMONTHDAY=15,-1", -1 },
	{ "every 15th of March, June and September", "FREQ=YEARLY;BYMONTHDAY=15;BYMONTH=3,6,9", -1 },
	{ "the tenth of every month", "FREQ=MONTHLY;BYMONTHDAY=10", -1 },
	{ "penultimate Friday of the month", "FREQ=MONTHLY;BYDAY=-2FR", -1 },
	{ "Monthly on day 15", "FREQ=MONTHLY;BYMONTHDAY=15", -1 },
	{ "every 3rd Thursday of the month", "FREQ=MONTHLY;BYDAY=3TH", -1 },
	{ "every other weekend", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SA,SU", -1 },
	{ "mon, wed & fri", "FREQ=WEEKLY;BYDAY=MO,WE,FR", -1 },
	{ "Mon thru Fri", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", -1 },
	{ "every day but Sunday", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA", -1 },
	{ "every day of the week", "FREQ=DAILY", -1 },
	{ "every day of March", "FREQ=DAILY;BYMONTH=3", -1 },
	{ "quarterly on the 1st", "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=1", -1 },
	{ "3 times a week on Mon, Wed and Fri", "FREQ=WEEKLY;BYDAY=MO,WE,FR", -1 },
	{ "daily until end of year", "FREQ=DAILY;UNTIL=20261231", -1 },
	{ "daily until the end of this month", "FREQ=DAILY;UNTIL=20261130", -1 },
	{ "daily until the end of March", "FREQ=DAILY;UNTIL=20270331", -1 },
	{ "daily until the end of November", "FREQ=DAILY;UNTIL=20261130", -1 },
	{ "daily until end of February 2028", "FREQ=DAILY;UNTIL=20280229", -1 },
	{ "daily until the end of 2027", "FREQ=DAILY;UNTIL=20271231", -1 },
	{ "daily ending on 31 December", "FREQ=DAILY;UNTIL=20261231", -1 },
	{ "daily through 31 December", "FREQ=DAILY;UNTIL=20261231", -1 },
	{ "every year in the last week of the year", "FREQ=YEARLY;BYWEEKNO=-1", -1 },
	{ "twice daily at 9 and 21", "FREQ=DAILY;BYHOUR=9,21;BYMINUTE=0", -1 },
	{ "once monthly", "FREQ=MONTHLY", -1 },
	{ "four times a year on the 1st of January, April, July and October",
	  "FREQ=YEARLY;BYMONTHDAY=1;BYMONTH=1,4,7,10", -1 },
	{ "twice a year in January and July", "FREQ=YEARLY;BYMONTH=1,7", -1 },
	{ "every second and fourth Saturday", "FREQ=MONTHLY;BYDAY=2SA,4SA", -1 },
	{ "2nd last day of the month", "FREQ=MONTHLY;BYMONTHDAY=-2", -1 },
	{ "the last of every month", "FREQ=MONTHLY;BYMONTHDAY=-1", -1 },
	{ "third Friday of every 3rd month", "FREQ=MONTHLY;INTERVAL=3;BYDAY=3FR", -1 },
	{ "daily @ midday", "FREQ=DAILY;BYHOUR=12;BYMINUTE=0", 1200 },
	{ "every month on every Monday", "FREQ=WEEKLY;BYDAY=MO", -1 },
	{ "every year on Monday in week 20", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", -1 },
	{ "every January on the 15th", "FREQ=YEARLY;BYMONTHDAY=15;BYMONTH=1", -1 },
	{ "every 2 years on the 15th of the month", "FREQ=YEARLY;INTERVAL=2;BYMONTHDAY=15", -1 },
	{ "every 3 days if that is a Monday", "FREQ=DAILY;INTERVAL=3;BYDAY=MO", -1 },
	{ "mon wed fri", "FREQ=WEEKLY;BYDAY=MO,WE,FR", -1 },
	{ "every monday wednesday and friday", "FREQ=WEEKLY;BYDAY=MO,WE,FR", -1 },
	{ "Mon Wed Fri at 9am", "FREQ=WEEKLY;BYDAY=MO,WE,FR;BYHOUR=9;BYMINUTE=0", 900 },
	{ "every Tu Th", "FREQ=WEEKLY;BYDAY=TU,TH", -1 },
	{ "sat sun mon tue wed thu fri", "FREQ=DAILY", -1 },
	{ "every other Friday Monday", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR", -1 },
	{ "bi-weekly", "FREQ=WEEKLY;INTERVAL=2", -1 },
	{ "Bi Weekly on Monday", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", -1 },
	{ "bi-monthly", "FREQ=MONTHLY;INTERVAL=2;RSCALE=GREGORIAN;SKIP=BACKWARD", -1 },
	{ "semi-annually", "FREQ=MONTHLY;INTERVAL=6;RSCALE=GREGORIAN;SKIP=BACKWARD", -1 },
	{ "half-yearly", "FREQ=MONTHLY;INTERVAL=6;RSCALE=GREGORIAN;SKIP=BACKWARD", -1 },
	{ "biennial", "FREQ=YEARLY;INTERVAL=2;RSCALE=GREGORIAN;SKIP=BACKWARD", -1 },
	{ "semimonthly on the 1st and 15th", "FREQ=MONTHLY;BYMONTHDAY=1,15", -1 },
	{ "semi-weekly on Mon and Thu", "FREQ=WEEKLY;BYDAY=MO,TH", -1 },
	{ "every weekday (Monday to Friday)", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", -1 },
	{ "weekdays (Mon-Fri) at 9am", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=9;BYMINUTE=0", 900 },
	{ "Every weekday (Monday\xe2\x80\x93"
	  "Friday)",
	  "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", -1 },
	{ "every day except August", "FREQ=DAILY;BYMONTH=1,2,3,4,5,6,7,9,10,11,12", -1 },
	{ "every day except in August", "FREQ=DAILY;BYMONTH=1,2,3,4,5,6,7,9,10,11,12", -1 },
	{ "every Monday except in July and August",
	  "FREQ=WEEKLY;BYMONTH=1,2,3,4,5,6,9,10,11,12;BYDAY=MO", -1 },
	{ "every month except December", "FREQ=YEARLY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11", -1 },
	{ "every month except July on the 1st",
	  "FREQ=YEARLY;BYMONTH=1,2,3,4,5,6,8,9,10,11,12;BYMONTHDAY=1", -1 },
	{ "every day except April and October", "FREQ=DAILY;BYMONTH=1,2,3,5,6,7,8,9,11,12", -1 },
	{ "every day not on Sunday", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA", -1 },
	{ "every day but not on Sunday", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA", -1 },
	{ "every day apart from Sunday", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA", -1 },
	{ "ev mon", "FREQ=WEEKLY;BYDAY=MO", -1 },
	{ "every month on 15", "FREQ=MONTHLY;BYMONTHDAY=15", -1 },
	{ "every month on 1 and 15 at 9", "FREQ=MONTHLY;BYMONTHDAY=1,15;BYHOUR=9;BYMINUTE=0", 900 },
	{ "every month on 15, 10 times", "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=15", -1 },
	{ "every month on the 1st, 9 am", "FREQ=MONTHLY;BYMONTHDAY=1;BYHOUR=9;BYMINUTE=0", 900 },
	{ "every month the 15th", "FREQ=MONTHLY;BYMONTHDAY=15", -1 },
	{ "monthly last Friday", "FREQ=MONTHLY;BYDAY=-1FR", -1 },
	{ "every week Monday", "FREQ=WEEKLY;BYDAY=MO", -1 },
	{ "biweekly friday", "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR", -1 },
	{ "yearly december 25", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25", -1 },
	{ "every year 1 January", "FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=1", -1 },
	{ "the 15th every month", "FREQ=MONTHLY;BYMONTHDAY=15", -1 },
	{ "Mondays every other week", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", -1 },
	{ "Mon and Thu every 2 weeks", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH", -1 },
	{ "Fridays biweekly", "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR", -1 },
	{ "March 1 every 2 years", "FREQ=YEARLY;INTERVAL=2;BYMONTH=3;BYMONTHDAY=1", -1 },
	{ "last day of February every year", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1", -1 },
	{ "the first Monday in September every year", "FREQ=YEARLY;BYMONTH=9;BYDAY=1MO", -1 },
	{ "Repeats every week on Monday", "FREQ=WEEKLY;BYDAY=MO", -1 },
	{ "Occurs every weekday", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", -1 },
	{ "once in two weeks", "FREQ=WEEKLY;INTERVAL=2", -1 },
	{ "twice in a month on the 1st and 15th", "FREQ=MONTHLY;BYMONTHDAY=1,15", -1 },
	{ "every half hour", "FREQ=MINUTELY;INTERVAL=30", -1 },
	{ "every half an hour", "FREQ=MINUTELY;INTERVAL=30", -1 },
	{ "half-hourly", "FREQ=MINUTELY;INTERVAL=30", -1 },
	{ "every quarter hour", "FREQ=MINUTELY;INTERVAL=15", -1 },
	{ "every half year", "FREQ=MONTHLY;INTERVAL=6", -1 },
	{ "every 12h", "FREQ=HOURLY;INTERVAL=12", -1 },
	{ "every 5min", "FREQ=MINUTELY;INTERVAL=5", -1 },
	{ "every 3d", "FREQ=DAILY;INTERVAL=3", -1 },
	{ "every work day", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", -1 },
	{ "every week-day", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", -1 },
	{ "weekend day", "FREQ=WEEKLY;BYDAY=SA,SU", -1 },
	{ "3x a week on Mon, Wed and Fri", "FREQ=WEEKLY;BYDAY=MO,WE,FR", -1 },
	{ "every day 10x", "FREQ=DAILY;COUNT=10", -1 },
	{ "Saturday + Sunday", "FREQ=WEEKLY;BYDAY=SA,SU", -1 },
	{ "every Mon. and Thu. at 9 a.m.", "FREQ=WEEKLY;BYDAY=MO,TH;BYHOUR=9;BYMINUTE=0", 900 },
	{ "Every Monday at 9 p.m.", "FREQ=WEEKLY;BYDAY=MO;BYHOUR=21;BYMINUTE=0", 2100 },
	{ "Every Monday.", "FREQ=WEEKLY;BYDAY=MO", -1 },
	{ "every monday / wednesday", "FREQ=WEEKLY;BYDAY=MO,WE", -1 },
	{ "every day at 9:30\xe2\x80\xafPM", "FREQ=DAILY;BYHOUR=21;BYMINUTE=30", 2130 },
	{ "every\xc2\xa0"
	  "day at 9",
	  "FREQ=DAILY;BYHOUR=9;BYMINUTE=0", 900 },
	{ "every day at 9.30", "FREQ=DAILY;BYHOUR=9;BYMINUTE=30", 930 },
	{ "every day at 9.30pm", "FREQ=DAILY;BYHOUR=21;BYMINUTE=30", 2130 },
	{ "every day at 0930", "FREQ=DAILY;BYHOUR=9;BYMINUTE=30", 930 },
	{ "every day at 5 o'clock", "FREQ=DAILY;BYHOUR=5;BYMINUTE=0", 500 },
	{ "every day at 5 o\xe2\x80\x99"
	  "clock pm",
	  "FREQ=DAILY;BYHOUR=17;BYMINUTE=0", 1700 },
	{ "every hour between 9am and 5pm", "FREQ=HOURLY;BYHOUR=9,10,11,12,13,14,15,16,17;BYMINUTE=0",
	  -1 },
	{ "every hour 9am-5pm", "FREQ=HOURLY;BYHOUR=9,10,11,12,13,14,15,16,17;BYMINUTE=0", -1 },
	{ "every hour from 9:30 to 17:30", "FREQ=HOURLY;BYHOUR=9,10,11,12,13,14,15,16,17;BYMINUTE=30",
	  -1 },
	{ "every 2 hours from 9 to 17", "FREQ=DAILY;BYHOUR=9,11,13,15,17;BYMINUTE=0", -1 },
	{ "every 2 hours from 8am to 6pm on weekdays",
	  "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=8,10,12,14,16,18;BYMINUTE=0", -1 },
	{ "every 30 minutes from 9:00 to 16:30",
	  "FREQ=DAILY;BYHOUR=9,10,11,12,13,14,15,16;BYMINUTE=0,30", -1 },
	{ "every 7 hours from 8 to 23", "FREQ=DAILY;BYHOUR=8,15,22;BYMINUTE=0", -1 },
	{ "every 600 minutes from 0:00 to 23:59", "FREQ=DAILY;BYHOUR=0,10,20;BYMINUTE=0", -1 },
	{ "every week for 10 occurrences", "FREQ=WEEKLY;COUNT=10", -1 },
	{ "daily, ends after 10 occurrences", "FREQ=DAILY;COUNT=10", -1 },
	{ "daily, ends on 31 December", "FREQ=DAILY;UNTIL=20261231", -1 },
	{ "daily after 3 times", "FREQ=DAILY;COUNT=3", -1 },
	{ "every day forever", "FREQ=DAILY", -1 },
	{ "every twenty days", "FREQ=DAILY;INTERVAL=20", -1 },
	{ "every twenty-first of the month", "FREQ=MONTHLY;BYMONTHDAY=21", -1 },
	{ "the thirty first of every month", "FREQ=MONTHLY;BYMONTHDAY=31", -1 },
	{ "next to last friday of the month", "FREQ=MONTHLY;BYDAY=-2FR", -1 },
	{ "beginning of the month", "FREQ=MONTHLY;BYMONTHDAY=1", -1 },
	{ "at the start of every month", "FREQ=MONTHLY;BYMONTHDAY=1", -1 },
	{ "every day for a week", "FREQ=DAILY;COUNT=7", -1 },
	{ "every day for 3 weeks", "FREQ=DAILY;COUNT=21", -1 },
	{ "every Monday for 8 weeks", "FREQ=WEEKLY;COUNT=8;BYDAY=MO", -1 },
	{ "every weekday for 2 weeks", "FREQ=WEEKLY;COUNT=10;BYDAY=MO,TU,WE,TH,FR", -1 },
	{ "every 8 hours for 7 days", "FREQ=HOURLY;INTERVAL=8;COUNT=21", -1 },
	{ "every day at 9 and 21 for 10 days", "FREQ=DAILY;COUNT=20;BYHOUR=9,21;BYMINUTE=0", -1 },
	{ "every first Monday for 6 months", "FREQ=MONTHLY;COUNT=6;BYDAY=1MO", -1 },
	{ "monthly on the 30th for 6 months",
	  "FREQ=MONTHLY;COUNT=6;BYMONTHDAY=30;RSCALE=GREGORIAN;SKIP=BACKWARD", -1 },
	{ "every month on the 15th for a year", "FREQ=MONTHLY;COUNT=12;BYMONTHDAY=15", -1 },
	{ "every year on 24 December for 5 years", "FREQ=YEARLY;COUNT=5;BYMONTH=12;BYMONTHDAY=24", -1 },
	{ "monthly for a year", "FREQ=MONTHLY;COUNT=12;RSCALE=GREGORIAN;SKIP=BACKWARD", -1 },
	{ "every Monday from September to June", "FREQ=WEEKLY;BYMONTH=1,2,3,4,5,6,9,10,11,12;BYDAY=MO",
	  -1 },
	{ "every hour from 9:30 to 17:00", "FREQ=HOURLY;BYHOUR=9,10,11,12,13,14,15,16;BYMINUTE=30",
	  -1 },
};

static const struct
{
	const char *phrase;
	enum rr_phrase_code code;
	size_t position;
} refused[] = {
	{ "", RR_PHRASE_SHORT, 0 },
	{ "every", RR_PHRASE_SHORT, 5 },
	{ "sometimes", RR_PHRASE_WORD, 0 },
	{ "every blue day", RR_PHRASE_WORD, 6 },
	{ "every day in the morning", RR_PHRASE_PART, 17 },
	{ "every 0 days", RR_PHRASE_NUMBER, 6 },
	{ "every 3000000000 days", RR_PHRASE_NUMBER, 6 },
	{ "every month on the 32nd", RR_PHRASE_NUMBER, 15 },
	{ "every day until 30 February", RR_PHRASE_DATE, 16 },
	{ "every day until 29 February 2027", RR_PHRASE_DATE, 16 },
	{ "every day until 2027-02-29", RR_PHRASE_DATE, 16 },
	{ "every day until yesterday", RR_PHRASE_UNTIL, 16 },
	{ "every day at 25:00", RR_PHRASE_DATE, 13 },
	{ "every day at 13pm", RR_PHRASE_DATE, 13 },
	{ "every day at 9:00 and 17:30", RR_PHRASE_TIMES, 13 },
	{ "every month on the 15th and the last Friday", RR_PHRASE_MIXED, 28 },
	{ "yearly on 24 December and 1 January", RR_PHRASE_MIXED, 26 },
	{ "every Friday on Monday", RR_PHRASE_TWICE, 16 },
	{ "every day at 9:00 at 10:00", RR_PHRASE_TWICE, 21 },
	{ "every day twice, 3 times", RR_PHRASE_TWICE, 17 },
	{ "first and last day of the quarter", RR_PHRASE_WORD, 26 },
	{ "the 31st day of the quarter", RR_PHRASE_WORD, 20 },
	{ "the fifth Monday of the quarter", RR_PHRASE_WORD, 24 },
	{ "twice a month", RR_PHRASE_OFTEN, 0 },
	{ "twice a week on Monday", RR_PHRASE_OFTEN, 0 },
	{ "every other weekday", RR_PHRASE_WORKDAYS, 12 },
	{ "every leap year", RR_PHRASE_WORD, 11 },
	{ "weekdays except Sunday", RR_PHRASE_MIXED, 16 },
	{ "weekends except weekends", RR_PHRASE_MIXED, 16 },
	{ "every month on the first Friday except Friday", RR_PHRASE_MIXED, 39 },
	{ "Friday the last", RR_PHRASE_WORD, 11 },
	{ "every month on the last", RR_PHRASE_SHORT, 23 },
	{ "every week on the 15th", RR_PHRASE_RULE, 0 },
	{ "daily until 1 March, 3 times", RR_PHRASE_RULE, 0 },
	{ "FREQ=DAILY", RR_PHRASE_WORD, 0 },
	{ "every day!", RR_PHRASE_WORD, 9 },
	{ "every business", RR_PHRASE_WORD, 6 },
	{ "every Monday or Tuesday", RR_PHRASE_WORD, 13 },
	{ "every business business day", RR_PHRASE_WORD, 6 },
	{ "every -1 days", RR_PHRASE_WORD, 6 },
	{ "twice a week", RR_PHRASE_OFTEN, 0 },
	{ "once upon a time", RR_PHRASE_WORD, 5 },
	{ "every d\xc3\xa4y", RR_PHRASE_WORD, 6 },
	{ "every morning", RR_PHRASE_PART, 6 },
	{ "each evening at 7", RR_PHRASE_PART, 5 },
	{ "every morning at 9am and 5pm", RR_PHRASE_PART, 6 },
	{ "every morning in the evening", RR_PHRASE_TWICE, 21 },
	{ "every day starting next monday", RR_PHRASE_START, 10 },
	{ "starting 1 March every day", RR_PHRASE_START, 0 },
	{ "every day from 1 March", RR_PHRASE_START, 10 },
	{ "every Monday from tomorrow", RR_PHRASE_START, 13 },
	{ "every weekday from 9 to 5", RR_PHRASE_HOURS, 19 },
	{ "every day until Friday", RR_PHRASE_UNTIL, 16 },
	{ "every day until next Friday", RR_PHRASE_UNTIL, 16 },
	{ "every day until March", RR_PHRASE_UNTIL, 16 },
	{ "every day until the end of the week", RR_PHRASE_UNTIL, 31 },
	{ "every second weekday", RR_PHRASE_WORKDAYS, 13 },
	{ "every 3 workdays", RR_PHRASE_WORKDAYS, 6 },
	{ "every 3rd Thursday", RR_PHRASE_NTH, 6 },
	{ "every 2nd Friday", RR_PHRASE_NTH, 6 },
	{ "every fourth Monday", RR_PHRASE_NTH, 6 },
	{ "every 3 Fridays", RR_PHRASE_NTH, 6 },
	{ "first weekend of the month", RR_PHRASE_WEEKEND, 6 },
	{ "every day - 31 December", RR_PHRASE_WORD, 10 },
	{ "every 15 March and June", RR_PHRASE_WORD, 15 },
	{ "every week of March", RR_PHRASE_WORD, 11 },
	{ "every day of the quarter", RR_PHRASE_WORD, 17 },
	{ "every month on the 7th to 1st", RR_PHRASE_NUMBER, 26 },
	{ "every year in week 0", RR_PHRASE_NUMBER, 19 },
	{ "every year in weeks 5 to 3", RR_PHRASE_NUMBER, 25 },
	{ "the first 0 days of the month", RR_PHRASE_NUMBER, 10 },
	{ "3 times a week", RR_PHRASE_OFTEN, 0 },
	{ "every month on Monday", RR_PHRASE_WHICH, 15 },
	{ "every year on Monday in June", RR_PHRASE_WHICH, 14 },
	{ "every year on the 15th", RR_PHRASE_WHICH, 14 },
	{ "every month on the last Sunday and Monday", RR_PHRASE_WHICH, 35 },
	{ "three times a year on the 1st of January and July", RR_PHRASE_OFTEN, 0 },
	{ "9am", RR_PHRASE_SHORT, 3 },
	{ "biannual", RR_PHRASE_BIANNUAL, 0 },
	{ "every bi-yearly", RR_PHRASE_BIANNUAL, 6 },
	{ "semi-monthly", RR_PHRASE_OFTEN, 0 },
	{ "every 11/22", RR_PHRASE_SLASHED, 6 },
	{ "every year on 12/25", RR_PHRASE_SLASHED, 14 },
	{ "every day until 12/31/2026", RR_PHRASE_SLASHED, 16 },
	{ "every 1/2 hour", RR_PHRASE_SLASHED, 6 },
	{ "every day at 9/17", RR_PHRASE_SLASHED, 13 },
	{ "every! 3 days", RR_PHRASE_COMPLETION, 5 },
	{ "every 3 days after completion", RR_PHRASE_COMPLETION, 13 },
	{ "after 3 days", RR_PHRASE_COMPLETION, 0 },
	{ "every day except 25 December", RR_PHRASE_LEFT_OUT, 17 },
	{ "every day except Christmas", RR_PHRASE_LEFT_OUT, 17 },
	{ "every year except August", RR_PHRASE_MIXED, 18 },
	{ "every January except January", RR_PHRASE_MIXED, 21 },
	{ "every June except July", RR_PHRASE_MIXED, 18 },
	{ "every day except", RR_PHRASE_SHORT, 16 },
	{ "every day in winter", RR_PHRASE_SEASON, 13 },
	{ "every summer", RR_PHRASE_SEASON, 6 },
	{ "tomorrow", RR_PHRASE_START, 0 },
	{ "every 30m", RR_PHRASE_WORD, 6 },
	{ "every weekday (Mon-Thu)", RR_PHRASE_TWICE, 15 },
	{ "every weekday (Monday to Friday", RR_PHRASE_SHORT, 31 },
	{ "every 3 days (Monday)", RR_PHRASE_TWICE, 14 },
	{ "every month Monday", RR_PHRASE_WHICH, 12 },
	{ "Monday every month", RR_PHRASE_WHICH, 7 },
	{ "every other Friday every month", RR_PHRASE_WORD, 19 },
	{ "the 15th every year", RR_PHRASE_WHICH, 9 },
	{ "every week the 15th", RR_PHRASE_WORD, 11 },
	{ "every month 24 December", RR_PHRASE_WORD, 15 },
	{ "daily, 31 December", RR_PHRASE_WORD, 10 },
	{ "every hour Monday", RR_PHRASE_WORD, 11 },
	{ "every day\xe2\x80\x94"
	  "9am",
	  RR_PHRASE_WORD, 9 },
	{ "every month on 32", RR_PHRASE_NUMBER, 15 },
	{ "every day at 9-5", RR_PHRASE_WORD, 14 },
	{ "mon-fri 9-5", RR_PHRASE_HOURS, 8 },
	{ "every day between 9 and 5", RR_PHRASE_HOURS, 18 },
	{ "every 15 minutes from 9:00 to 17:00", RR_PHRASE_HOURS, 22 },
	{ "every hour from 17:00 to 9:00", RR_PHRASE_HOURS, 16 },
	{ "every 3 hours from 9:00 to 10:00", RR_PHRASE_HOURS, 19 },
	{ "every 2147483647 hours from 0:00 to 23:59", RR_PHRASE_HOURS, 28 },
	{ "every hour from 9 to 17 from 18 to 20", RR_PHRASE_TWICE, 29 },
	{ "every day until 1 March forever", RR_PHRASE_TWICE, 24 },
	{ "every month for a year", RR_PHRASE_SPAN, 16 },
	{ "monthly on the 15th if that is Monday for a year", RR_PHRASE_SPAN, 42 },
	{ "every other week for 3 months", RR_PHRASE_SPAN, 21 },
	{ "every day for 2 months", RR_PHRASE_SPAN, 14 },
	{ "every 2 days for 3 weeks", RR_PHRASE_SPAN, 17 },
	{ "every day in June for 2 weeks", RR_PHRASE_SPAN, 22 },
	{ "every month on the 31st for a year", RR_PHRASE_SPAN, 28 },
	{ "every hour at hour 9 for 2 weeks", RR_PHRASE_SPAN, 25 },
	{ "every 2147483647 days for 1 day", RR_PHRASE_SPAN, 26 },
	{ "every second for 99999999999 weeks", RR_PHRASE_NUMBER, 17 },
	{ "daily for 2 weeks, 3 times", RR_PHRASE_TWICE, 10 },
	{ "daily for 2 weeks until 1 March", RR_PHRASE_TWICE, 10 },
	{ "every day for 0 days", RR_PHRASE_NUMBER, 14 },
	{ "every day at 0970", RR_PHRASE_DATE, 13 },
	{ "every day 9.30", RR_PHRASE_WORD, 10 },
	{ "every day until 5.12", RR_PHRASE_UNTIL, 16 },
	{ "every 1.5 hours", RR_PHRASE_WORD, 6 },
	{ "every day..", RR_PHRASE_WORD, 9 },
	{ "every day at p.m.", RR_PHRASE_WORD, 13 },
	{ "every day x10", RR_PHRASE_WORD, 10 },
	{ "next to first", RR_PHRASE_WORD, 0 },
};

static bool
read_phrase(const char *text, struct rr_phrase *phrase, struct rr_phrase_error *error)
{
	return rr_phrase_parse(text, strlen(text), TODAY, phrase, error);
}

static void
test_understood(void)
{
	for (size_t i = 0; i < sizeof(understood) / sizeof(understood[0]); i++)
	{
		int at =
			understood[i].at < 0 ? -1 : understood[i].at / 100 * 3600 + understood[i].at % 100 * 60;
		char rule[RR_TEXT_MAX] = "";
		char wanted[RR_TEXT_MAX] = "";
		struct rr_rule meant;
		struct rr_phrase phrase;
		struct rr_phrase_error error;

		if (read_phrase(understood[i].phrase, &phrase, &error))
			rr_format(&phrase.rule, rule, sizeof(rule));
		else
		{
			diag("at %zu: %s", error.position, rr_phrase_strerror(&error));
			phrase.at = -2;
		}
		if (parse_rule(understood[i].rule, &meant))
			rr_format(&meant, wanted, sizeof(wanted));
		is_str(rule, wanted, understood[i].phrase);
		if (phrase.at != at)
			ok(false, "%s: time of day %d", understood[i].phrase, (int) phrase.at);
	}
}

static void
test_refused(void)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
	{
		struct rr_phrase phrase;
		struct rr_phrase_error error = { RR_PHRASE_OK, RR_OK, 0, 0 };
		bool read = read_phrase(refused[i].phrase, &phrase, &error);

		if (!ok(!read && error.code == refused[i].code && error.position == refused[i].position,
				"refused: %s", refused[i].phrase))
			diag("got code %d at %zu: %s", error.code, error.position, rr_phrase_strerror(&error));
	}
}

/* what is refused for a reason of its own says what to do instead */
static void
test_hints(void)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
	{
		enum rr_phrase_code code = refused[i].code;
		struct rr_phrase_error error = { code, RR_OK, 0, 0 };
		bool general = code == RR_PHRASE_WORD || code == RR_PHRASE_SHORT;

		if ((strlen(rr_phrase_hint(&error)) == 0) != general)
			ok(false, "hint of code %d: %s", (int) code, rr_phrase_hint(&error));
	}
	ok(strstr(rr_phrase_hint(&(struct rr_phrase_error){ .code = RR_PHRASE_SPAN }), "for 3 times") !=
		   NULL,
	   "a length of time is answered with a count");
}

static void
test_rest(void)
{
	static const char text[] = "every Friday at 9:00: water the plants";
	struct rr_phrase phrase;
	struct rr_phrase_error error;

	ok(read_phrase(text, &phrase, &error), "a colon ends the phrase");
	is_str(text + phrase.rest, "water the plants", "and the rest is behind it");
	ok(read_phrase("every day", &phrase, &error) && phrase.rest == 9, "no rest");
}

/* does the description of a rule mean its plain form? */
static bool
reads_back(const struct rr_rule *rule)
{
	char canonical[RR_TEXT_MAX];
	char again[RR_TEXT_MAX] = "";
	char words[RR_TEXT_MAX];
	struct rr_rule plain;
	struct rr_phrase phrase;
	struct rr_phrase_error error;

	rr_plain(rule, &plain);
	rr_format(&plain, canonical, sizeof(canonical));
	if (rr_describe(rule, words, sizeof(words)) >= sizeof(words))
		return false;
	if (!read_phrase(words, &phrase, &error))
		diag("%s\n%s\nat %zu: %s", canonical, words, error.position, rr_phrase_strerror(&error));
	else
	{
		rr_format(&phrase.rule, again, sizeof(again));
		if (strcmp(canonical, again) != 0)
			diag("%s\n%s\n%s", canonical, words, again);
	}
	return strcmp(canonical, again) == 0;
}

static void
pick_end(struct rr_rule *rule)
{
	int kind = pick(6);

	if (kind == 0)
		rule->count = 1 + pick(pick(2) ? 3 : 1000000);
	else if (kind <= 3)
	{
		rule->until_kind = (uint8_t) kind;
		rule->until = rr_day_of(1 + pick(9999), 1, 1) * 86400 + pick(365) * INT64_C(86400);
		if (kind != RR_UNTIL_DATE)
			rule->until += pick(2) ? pick(86400) : pick(24) * 3600;
	}
}

static void
test_descriptions(unsigned seed)
{
	int bad = 0;

	srand(seed);
	for (int round = 0; round < 200000 && bad < 5; round++)
	{
		struct rr_rule rule;

		random_rule(&rule);
		if (rule.freq == RR_DAILY && pick(2))
			rule.freq = (uint8_t) (RR_HOURLY + pick(3));
		if (pick(10) == 0)
			rule.interval = 1 + pick(INT32_MAX);
		pick_end(&rule);
		if (!reads_back(&rule))
		{
			bad++;
			diag("seed %u, round %d", seed, round);
		}
	}
	ok(bad == 0, "the descriptions of 200000 random rules mean their plain forms");
	diag("seed %u", seed);
}

static const char *const pieces[] = {
	"every",  "other",    "the",     "first",   "second",     "last",    "to",
	"Monday", "Fri",      "weekday", "day",     "days",       "week",    "month",
	"year",   "of",       "in",      "on",      "and",        ",",       "at",
	"9:00",   "17:30:15", "9am",     "25:00",   "15th",       "3",       "2027",
	"1000",   "January",  "until",   "1 March", "2027-03-01", "times",   "for",
	"if",     "that",     "is",      "only",    "each",       "weeks",   "begin",
	"(",      ")",        "missing", "dates",   "move",       "back",    "hour",
	"minute", ":",        "daily",   "monthly", "twice",      "\xff",    "99999999999999999999",
	"-",      "quarter",  "UTC",     "from",    "end",        "evening", "1st",
	"every",  "weekend",  "a",       "Monday",  "shorter",    "June",
};

/* read a text from a block of exactly its length, so that any read past it is found */
static bool
try_text(const char *text, size_t len, int *read)
{
	char *block = malloc(len > 0 ? len : 1);
	struct rr_phrase phrase;
	struct rr_phrase_error error;
	bool understood_it;

	if (block == NULL)
		return false;
	memcpy(block, text, len);
	understood_it = rr_phrase_parse(block, len, TODAY, &phrase, &error);
	free(block);
	if (!understood_it)
		return error.code != RR_PHRASE_OK && error.position <= error.end && error.end <= len &&
			   strlen(rr_phrase_strerror(&error)) > 0;
	++*read;
	return phrase.rest <= len && reads_back(&phrase.rule);
}

static void
test_random(unsigned seed)
{
	int read = 0;
	int bad = 0;

	srand(seed);
	for (int round = 0; round < 200000 && bad < 5; round++)
	{
		char text[512] = "";
		size_t len = 0;

		for (int i = pick(10); i >= 0; i--)
		{
			const char *piece = pieces[(size_t) rand() % (sizeof(pieces) / sizeof(pieces[0]))];

			len += (size_t) snprintf(text + len, sizeof(text) - len, "%s%s", piece,
									 pick(8) ? " " : "");
		}
		if (!try_text(text, len, &read))
		{
			bad++;
			diag("seed %u, round %d: %s", seed, round, text);
		}
	}
	ok(bad == 0, "200000 random texts end in a rule or in a positioned error");
	ok(read > 500, "some of them are rules");
	diag("seed %u: %d of 200000 texts were rules", seed, read);
}

int
main(int argc, char **argv)
{
	unsigned seed = argc > 1 ? (unsigned) strtoul(argv[1], NULL, 10) : (unsigned) time(NULL);

	test_understood();
	test_refused();
	test_hints();
	test_rest();
	test_descriptions(seed);
	test_random(seed);
	return done_testing();
}
