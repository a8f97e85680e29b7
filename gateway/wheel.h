/*
 * wheel.h
 *	  Timer wheel: all deadlines of one worker thread.
 *
 * Moving a deadline further away is a plain store: the timer stays in its slot and is moved when
 * the slot comes up.  Only an earlier deadline costs a relink.  A keep-alive connection that
 * serves thousands of requests a second therefore touches the wheel a few times a minute.
 */
#ifndef AGENDA_GW_WHEEL_H
#define AGENDA_GW_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_TICK_MS 32
#define WHEEL_SLOTS   2048 /* 65 s; later deadlines go round more than once */
#define WHEEL_NEVER   UINT64_MAX

struct timer
{
	struct timer *prev;
	struct timer *next; /* NULL while not in a slot */
	uint64_t due;       /* in ms; WHEEL_NEVER rests in its slot without firing */
	uint64_t slot_due;  /* the time whose slot it is linked in */
	void (*fire)(struct timer *timer);
};

struct wheel
{
	struct timer slots[WHEEL_SLOTS]; /* list heads */
	uint64_t used[WHEEL_SLOTS / 64]; /* bitmap of non-empty slots, may be stale upwards */
	uint64_t now;                    /* ms, read once per turn of the loop */
	uint64_t tick;                   /* last tick that has been handled */
};

extern void wheel_init(struct wheel *wheel, uint64_t now);
extern void wheel_set(struct wheel *wheel, struct timer *timer, uint64_t due);
extern void wheel_remove(struct timer *timer);
extern void wheel_advance(struct wheel *wheel, uint64_t now);
extern int wheel_wait_ms(const struct wheel *wheel);

#endif
