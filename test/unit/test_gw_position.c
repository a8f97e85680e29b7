/*
 * test_gw_position.c
 *	  Positions of the log, as clients give them back.
 */
#include "gateway/position.h"

#include "tap.h"

static void
check_position(const char *text, int64_t tick, int64_t seq, int64_t until)
{
	struct position p;

	ok(position_parse(&p, text), "\"%s\" is a position", text);
	ok(p.tick == tick && p.seq == seq && p.until == until, "... with these parts");
	ok(position_is_tick(&p) == (seq == 0 && until < 0), "... and a whole tick or none");
}

static void
check_none(const char *text)
{
	struct position p;

	ok(!position_parse(&p, text), "\"%s\" is none", text);
}

int
main(void)
{
	check_position("0.0", 0, 0, -1);
	check_position("17.0", 17, 0, -1);
	check_position("17.4711", 17, 4711, -1);
	check_position("17.4711.18", 17, 4711, 18);
	check_position("17.0.18", 17, 0, 18);
	check_position("007.000", 7, 0, -1);
	check_position("999999999999999999.999999999999999999.999999999999999999", 999999999999999999,
				   999999999999999999, 999999999999999999);
	check_none("");
	check_none(".");
	check_none("5");
	check_none("5.");
	check_none(".5");
	check_none("5..0");
	check_none("5.0.");
	check_none("5.0.1.");
	check_none("5.0.1.2");
	check_none("-1.0");
	check_none("+1.0");
	check_none(" 1.0");
	check_none("1.0 ");
	check_none("1.0x");
	check_none("0x1.0");
	check_none("1000000000000000000.0");
	check_none("99999999999999999999999999.0");
	check_none("1.0\"}");
	return done_testing();
}
