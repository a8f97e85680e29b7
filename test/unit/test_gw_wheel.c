/*
 * test_gw_wheel.c
 *	  Timers fire once, not early, and not more than a tick late.
 */
#include "gateway/wheel.h"

#include <stdlib.h>

#include "tap.h"

#define N 2000

static struct wheel wheel;
static int fired;
static int early;
static int late;
static struct timer *rearm;

static void
on_fire(struct timer *timer)
{
	fired++;
	early += timer->due > wheel.now;
	late += wheel.now > timer->due + 2 * WHEEL_TICK_MS;
	if (timer == rearm)
		wheel_set(&wheel, timer, wheel.now + 100);
}

/* As the loop does: sleep as long as the wheel says. */
static void
run_until(uint64_t end)
{
	uint64_t now = wheel.now;

	while (now < end)
	{
		int wait = wheel_wait_ms(&wheel);

		now = wait < 0 || now + (uint64_t) wait > end ? end : now + (uint64_t) wait;
		if (wait == 0)
			now++;
		wheel_advance(&wheel, now);
	}
}

static void
test_many(void)
{
	static struct timer timers[N];
	uint64_t start = 1000000;

	wheel_init(&wheel, start);
	srandom(1);
	for (int i = 0; i < N; i++)
	{
		timers[i].fire = on_fire;
		wheel_set(&wheel, &timers[i], start + (uint64_t) random() % 200000);
	}
	run_until(start + 201000);
	is_int(fired, N, "every timer fires, also beyond one round");
	is_int(early, 0, "none early");
	is_int(late, 0, "none late");
	is_int(wheel_wait_ms(&wheel), -1, "nothing left: sleep for ever");
}

static void
test_moves(void)
{
	struct timer t = { .fire = on_fire };
	uint64_t start = 5000;

	wheel_init(&wheel, start);
	fired = early = late = 0;
	wheel_set(&wheel, &t, start + 1000);
	wheel_set(&wheel, &t, start + 10000);
	run_until(start + 9900);
	is_int(fired, 0, "moved away: not yet");
	run_until(start + 10100);
	is_int(fired, 1, "... but then");
	wheel_set(&wheel, &t, wheel.now + 60000);
	wheel_set(&wheel, &t, wheel.now + 500);
	run_until(wheel.now + 600);
	is_int(fired, 2, "moved nearer");
	wheel_set(&wheel, &t, wheel.now + 500);
	wheel_set(&wheel, &t, WHEEL_NEVER);
	run_until(wheel.now + 200000);
	is_int(fired, 2, "never is never");
	wheel_set(&wheel, &t, wheel.now + 500);
	wheel_remove(&t);
	wheel_remove(&t);
	run_until(wheel.now + 1000);
	is_int(fired, 2, "removed, twice");
	rearm = &t;
	wheel_set(&wheel, &t, wheel.now + 100);
	run_until(wheel.now + 1000);
	ok(fired >= 8 && fired <= 12, "sets itself again while firing");
	rearm = NULL;
	is_int(early, 0, "none early");
}

/* The process was stopped for an hour. */
static void
test_gap(void)
{
	struct timer t = { .fire = on_fire };

	wheel_init(&wheel, 0);
	fired = 0;
	wheel_set(&wheel, &t, 10000);
	wheel_advance(&wheel, 3600 * 1000);
	is_int(fired, 1, "fires after a long stop");
}

int
main(void)
{
	test_many();
	test_moves();
	test_gap();
	return done_testing();
}
