/*
 * wheel.c
 *	  Timer wheel: all deadlines of one worker thread.
 *
 * A timer lives in the slot of slot_due, or of the furthest tick of the present round if that is
 * nearer.  When a slot comes up, timers that are not due yet are linked again.  No allocation, no
 * locks: a wheel belongs to one thread.  fire() may set or remove any timer, its own included.
 */
#include "wheel.h"

#include <stddef.h>

static void
link_timer(struct wheel *wheel, struct timer *timer, uint64_t due)
{
	uint64_t tick = due == WHEEL_NEVER ? UINT64_MAX : (due + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS;
	uint64_t slot;
	struct timer *head;

	if (tick <= wheel->tick)
		tick = wheel->tick + 1;
	if (tick > wheel->tick + WHEEL_SLOTS - 1)
		tick = wheel->tick + WHEEL_SLOTS - 1;
	slot = tick % WHEEL_SLOTS;
	head = &wheel->slots[slot];
	timer->slot_due = tick * WHEEL_TICK_MS;
	timer->prev = head->prev;
	timer->next = head;
	head->prev->next = timer;
	head->prev = timer;
	wheel->used[slot / 64] |= UINT64_C(1) << (slot % 64);
}

void
wheel_init(struct wheel *wheel, uint64_t now)
{
	for (int i = 0; i < WHEEL_SLOTS; i++)
		wheel->slots[i].prev = wheel->slots[i].next = &wheel->slots[i];
	for (int i = 0; i < WHEEL_SLOTS / 64; i++)
		wheel->used[i] = 0;
	wheel->now = now;
	wheel->tick = now / WHEEL_TICK_MS;
}

void
wheel_remove(struct timer *timer)
{
	if (timer->next == NULL)
		return;
	timer->prev->next = timer->next;
	timer->next->prev = timer->prev;
	timer->next = timer->prev = NULL;
}

void
wheel_set(struct wheel *wheel, struct timer *timer, uint64_t due)
{
	timer->due = due;
	if (timer->next != NULL && timer->slot_due <= due)
		return; /* its slot comes up early enough to be moved then */
	wheel_remove(timer);
	link_timer(wheel, timer, due);
}

static void
turn_slot(struct wheel *wheel, uint64_t slot)
{
	struct timer *head = &wheel->slots[slot];
	struct timer batch;

	wheel->used[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
	if (head->next == head)
		return;
	/* take the whole list off first: fire() may link timers into this very slot */
	batch.next = head->next;
	batch.prev = head->prev;
	batch.next->prev = batch.prev->next = &batch;
	head->next = head->prev = head;
	while (batch.next != &batch)
	{
		struct timer *timer = batch.next;

		wheel_remove(timer);
		if (timer->due <= wheel->now)
			timer->fire(timer);
		else if (timer->due != WHEEL_NEVER)
			link_timer(wheel, timer, timer->due);
	}
}

void
wheel_advance(struct wheel *wheel, uint64_t now)
{
	uint64_t target = now / WHEEL_TICK_MS;

	wheel->now = now;
	/* after a long stop of the process one round visits every slot */
	if (target > wheel->tick + WHEEL_SLOTS)
		wheel->tick = target - WHEEL_SLOTS;
	while (wheel->tick < target)
	{
		uint64_t slot = ++wheel->tick % WHEEL_SLOTS;

		if (wheel->used[slot / 64] & (UINT64_C(1) << (slot % 64)))
			turn_slot(wheel, slot);
	}
}

/* How long the loop may sleep: to the next used slot, -1 when there is none. */
int
wheel_wait_ms(const struct wheel *wheel)
{
	for (uint64_t i = 1; i <= WHEEL_SLOTS; i++)
	{
		uint64_t slot = (wheel->tick + i) % WHEEL_SLOTS;

		if (slot % 64 == 0 && wheel->used[slot / 64] == 0)
		{
			i += 63;
			continue;
		}
		if (wheel->used[slot / 64] & (UINT64_C(1) << (slot % 64)))
		{
			uint64_t at = (wheel->tick + i) * WHEEL_TICK_MS;

			return at > wheel->now ? (int) (at - wheel->now) : 0;
		}
	}
	return -1;
}
