/*
 * db.c
 *	  The life of the database connections.
 *
 *	  DOWN --timer--> CONNECTING --> SETTING_UP --> IDLE <--> BUSY
 *	    ^                 |              |            |         |
 *	    +-----------------+--------------+------------+---------+   db_lost()
 *
 * Nothing here blocks but name resolution inside PQconnectStart().  Setting up is one
 * pipeline: session settings, the version handshake, the rules that errors are explained by, one
 * PREPARE per route, a Sync; whatever fails in it (wrong version, extension not there, no EXECUTE right) means "not ready" and a
 * later try.  The back-off runs from 50 ms to 2 s with jitter.  In every state but DOWN and IDLE the
 * timer is patience: a server that says nothing for longer than it may is given up.  Of several
 * hosts each try is for one, the next try for the next one.
 *
 * All of it runs in the worker's thread, called by its epoll loop and its timer wheel.
 */
#include "db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "health.h"
#include "log.h"

#define BACKOFF_MIN_MS      50
#define BACKOFF_MAX_MS      2000
#define CONNECT_PATIENCE_MS 5000
#define HOST_PATIENCE_MS    1500 /* where there are others to try */

/* results of setting up, in their order */
enum
{
	SETUP_SESSION,
	SETUP_VERSION,
	SETUP_RULES
};

static char statement_names[N_STATEMENTS][16];
static char statement_texts[N_STATEMENTS][320];

/* ---- statements --------------------------------------------------------------------------- */

/* user, request id, traceparent, then what the route asks for */
static int
count_params(unsigned int args)
{
	int n = 3;

	for (unsigned int bit = ARG_ID; bit <= ARG_VERSION; bit <<= 1)
		n += (args & bit) != 0;
	return n;
}

/* agenda.gw_x($1,$2,$3,…), with what stands for the user */
static size_t
put_route_call(char *out, size_t size, int route, const char *user)
{
	int n = count_params(routes[route].args);
	size_t len = (size_t) snprintf(out, size, "agenda.%s(%s", routes[route].function, user);

	for (int i = 2; i <= n; i++)
		len += (size_t) snprintf(out + len, size - len, ",$%d", i);
	return len + (size_t) snprintf(out + len, size - len, ")");
}

static void
make_route_text(int route, char *out, size_t size)
{
	size_t len = (size_t) snprintf(out, size, "select status, etag, location, body from ");

	(void) put_route_call(out + len, size - len, route, "$1");
}

/*
 * The key is claimed before the function runs, as its first argument, and the answer is stored when it
 * has run.
 */
static void
make_keyed_text(int route, char *out, size_t size)
{
	int n = count_params(routes[route].args);
	char user[64];
	size_t len;

	(void) snprintf(user, sizeof(user), "agenda.gw_claim($1,$%d,$%d)", n + 1, n + 2);
	len = (size_t) snprintf(out, size,
							"select r.status, r.etag, r.location, r.body,"
							" agenda.gw_remember($1,$%d,$%d, r.status, r.etag, r.location, r.body)"
							" from ",
							n + 1, n + 2);
	len += put_route_call(out + len, size - len, route, user);
	(void) snprintf(out + len, size - len, " r");
}

/* The text depends on routes.def only.  Runs in main, before the first thread starts. */
static void
make_statements(void)
{
	static const struct
	{
		int statement;
		const char *text;
	} others[] = {
		{ STATEMENT_LOGIN, "select agenda.gw_login($1)" },
		{ STATEMENT_TICKET, "select agenda.gw_use_ticket($1)" },
		{ STATEMENT_REPLAY, "select status, etag, location, body from agenda.gw_replay($1,$2)" },
		{ STATEMENT_METRICS, "select agenda.gw_metrics()" },
	};

	for (int i = 0; i < N_STATEMENTS; i++)
		(void) snprintf(statement_names[i], sizeof(statement_names[i]), "s%d", i);
	for (int i = 0; i < N_ROUTES; i++)
	{
		if (route_is_local(&routes[i]))
			continue;
		make_route_text(i, statement_texts[i], sizeof(statement_texts[i]));
		if (route_writes(&routes[i]) && route_has_user(&routes[i]))
			make_keyed_text(i, statement_texts[STATEMENT_KEYED(i)], sizeof(statement_texts[i]));
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		(void) snprintf(statement_texts[others[i].statement], sizeof(statement_texts[0]), "%s",
						others[i].text);
}

const char *
db_statement_name(int statement)
{
	return statement_names[statement];
}

/* ---- state ------------------------------------------------------------------------------- */

static void
set_state(struct db_conn *conn, enum db_state state)
{
	struct db *db = conn->db;
	bool was_ready = conn->state == DB_IDLE || conn->state == DB_BUSY;
	bool is_ready = state == DB_IDLE || state == DB_BUSY;

	conn->state = state;
	if (was_ready == is_ready)
		return;
	db->n_ready += is_ready ? 1 : -1;
	if (db->n_ready == 0)
		db->unready_since = db->wheel->now;
	count_set(&db->metrics->db_ready, (uint64_t) db->n_ready);
}

static void
set_patience(struct db_conn *conn, uint64_t ms)
{
	struct db *db = conn->db;

	wheel_set(db->wheel, &conn->timer, ms == WHEEL_NEVER ? WHEEL_NEVER : db->wheel->now + ms);
}

/* Ask epoll for these events; the socket may have changed while connecting. */
static bool
watch(struct db_conn *conn, uint32_t events)
{
	int fd = PQsocket(conn->pg);
	struct epoll_event event = { .events = events, .data = { .ptr = &conn->source } };

	if (fd < 0)
		return false;
	if (fd == conn->fd && events == conn->interest && conn->state != DB_CONNECTING)
		return true;
	/* while connecting libpq may close a socket and get its number again: then MOD finds nothing */
	if (epoll_ctl(conn->db->epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0 &&
		epoll_ctl(conn->db->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		return false;
	conn->fd = fd;
	conn->interest = events;
	return true;
}

/* Send what libpq holds; asks for EPOLLOUT while the socket is full. */
bool
db_flush(struct db_conn *conn)
{
	int rest = PQflush(conn->pg);

	return rest >= 0 && watch(conn, rest > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static uint64_t
backoff_ms(struct db_conn *conn)
{
	uint64_t ms = BACKOFF_MIN_MS;
	uint64_t jitter;

	/* a round through all hosts counts as one */
	for (int i = conn->db->hosts.n;
		 i < conn->failures && ms<BACKOFF_MAX_MS; i += conn->db->hosts.n> 0 ? conn->db->hosts.n : 1)
		ms *= 2;
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	/* up to a quarter less; the address tells threads and connections apart */
	jitter = (conn->db->wheel->now * 2654435761u + (uint64_t) (uintptr_t) conn / 64) % 1024;
	return ms - ms * jitter / 4096;
}

/* Log what happened and tell readyz, which is public, the kind of trouble without the addresses. */
static void
report_loss(struct db_conn *conn, const char *why)
{
	bool setting_up = conn->state == DB_SETTING_UP && conn->setup_error[0] != '\0';

	if (conn->db->stopping)
		return;
	if (conn->failures == 0 || conn->failures % 30 == 0)
		log_event(LOG_LEVEL_WARNING, "database connection: %s",
				  setting_up ? conn->setup_error : why);
	if (conn->db->n_ready == 0)
		health_set_database_problem(setting_up ? conn->setup_error
											   : "the database cannot be reached");
}

/* Give the connection up, settle its batch, and try again later. */
void
db_lost(struct db_conn *conn, const char *why)
{
	struct db *db = conn->db;
	bool was_ready = conn->state == DB_IDLE || conn->state == DB_BUSY;

	if (was_ready)
	{
		conn->failures = 0;
		count_add(&db->metrics->db_losses, 1);
	}
	report_loss(conn, why);
	if (conn->fd >= 0)
		(void) epoll_ctl(db->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
	conn->fd = -1;
	conn->interest = 0;
	PQfinish(conn->pg);
	conn->pg = NULL;
	set_state(conn, DB_DOWN);
	if (!db->stopping)
		set_patience(conn, backoff_ms(conn));
	conn->failures++;
	if (db->hosts.n > 0)
		conn->host = (conn->host + 1) % db->hosts.n;
	pipeline_lost(conn);
}

/* ---- connecting and setting up ------------------------------------------------------------- */

/*
 * A commit whose wait for the synchronous standby is cancelled is a commit, with this warning: so is the answer to
 * the client.  Other notices say nothing that the answers do not say.
 */
static void
on_notice(void *arg, const PGresult *result)
{
	const char *source = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

	(void) arg;
	if (source != NULL && strcmp(source, "SyncRepWaitForLSN") == 0)
		log_event(LOG_LEVEL_WARNING, "committed without the synchronous standby: %s",
				  PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
}

/* s that a statement may run */
static long
timeout_of(const struct db_conn *conn)
{
	return conn->slow ? conn->db->cfg->slow_timeout : conn->db->cfg->statement_timeout;
}

static bool
queue_session_settings(struct db_conn *conn)
{
	char timeout[24];
	const char *params[1] = { timeout };

	(void) snprintf(timeout, sizeof(timeout), "%lds", timeout_of(conn));
	return PQsendQueryParams(
			   conn->pg,
			   "select pg_catalog.set_config('statement_timeout', $1, false),"
			   " pg_catalog.set_config('idle_in_transaction_session_timeout', '5s', false),"
			   " pg_catalog.set_config('search_path', '', false),"
			   " pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', false),"
			   " pg_catalog.set_config('jit', 'off', false),"
			   " pg_catalog.set_config('timezone', 'UTC', false),"
			   " pg_catalog.set_config('datestyle', 'ISO', false)",
			   1, NULL, params, NULL, NULL, 0) == 1;
}

static bool
queue_question(struct db_conn *conn, const char *query)
{
	return PQsendQueryParams(conn->pg, query, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

static bool
queue_setup(struct db_conn *conn)
{
	if (PQsetnonblocking(conn->pg, 1) != 0 || PQenterPipelineMode(conn->pg) != 1 ||
		!queue_session_settings(conn) || !queue_question(conn, "select agenda.gw_version()") ||
		!queue_question(conn, "select agenda.gw_rules()"))
		return false;
	for (int i = 0; i < N_STATEMENTS; i++)
		if (statement_texts[i][0] != '\0' &&
			PQsendPrepare(conn->pg, statement_names[i], statement_texts[i], 0, NULL) != 1)
			return false;
	return PQpipelineSync(conn->pg) == 1 && db_flush(conn);
}

static void
begin_setup(struct db_conn *conn)
{
	(void) PQsetNoticeReceiver(conn->pg, on_notice, NULL);
	conn->setup_pos = 0;
	conn->setup_error[0] = '\0';
	set_state(conn, DB_SETTING_UP);
	set_patience(conn, CONNECT_PATIENCE_MS);
	if (!queue_setup(conn))
		db_lost(conn, PQerrorMessage(conn->pg));
}

/* Two versions work together when major and minor agree. */
static bool
same_minor(const char *a, const char *b)
{
	const char *dot = strchr(a, '.');
	size_t len = dot ? (size_t) (dot + 1 - a) + strcspn(dot + 1, ".") : strlen(a);

	return strncmp(a, b, len) == 0 && (b[len] == '.' || b[len] == '\0');
}

static void
setup_result(struct db_conn *conn, const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	if (conn->setup_error[0] != '\0' || status == PGRES_PIPELINE_ABORTED)
		return; /* the first trouble explains the rest */
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
	{
		const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

		(void) snprintf(conn->setup_error, sizeof(conn->setup_error),
						"the database does not offer what this gateway needs: %s",
						message ? message : "no message");
	}
	else if (conn->setup_pos == SETUP_VERSION &&
			 !same_minor(AGENDA_VERSION, PQgetvalue(result, 0, 0)))
		(void) snprintf(conn->setup_error, sizeof(conn->setup_error),
						"version mismatch: this gateway is %s, the database has pg_agenda %s",
						AGENDA_VERSION, PQgetvalue(result, 0, 0));
	else if (conn->setup_pos == SETUP_RULES)
	{
		json_decref(conn->db->rules);
		conn->db->rules = json_loads(PQgetvalue(result, 0, 0), 0, NULL);
	}
}

static void
setup_done(struct db_conn *conn)
{
	if (conn->setup_error[0] != '\0')
	{
		db_lost(conn, conn->setup_error);
		return;
	}
	if (conn->failures > 0 || conn->index == 0)
		log_event(LOG_LEVEL_INFO, "database connection %d is ready", conn->index);
	conn->failures = 0;
	conn->stale = false;
	count_add(&conn->db->metrics->db_connects, 1);
	set_patience(conn, WHEEL_NEVER);
	set_state(conn, DB_IDLE);
}

static void
setup_input(struct db_conn *conn)
{
	int empty = 0;

	while (conn->state == DB_SETTING_UP && empty < 2 && !PQisBusy(conn->pg))
	{
		PGresult *result = PQgetResult(conn->pg);
		bool ended = PQresultStatus(result) == PGRES_PIPELINE_SYNC;

		if (result == NULL)
		{
			empty++;
			continue;
		}
		empty = 0;
		if (!ended)
		{
			setup_result(conn, result);
			conn->setup_pos++;
		}
		PQclear(result);
		if (ended)
			setup_done(conn);
	}
}

static void
poll_connect(struct db_conn *conn)
{
	PostgresPollingStatusType status = PQconnectPoll(conn->pg);

	if (status == PGRES_POLLING_OK)
	{
		if (watch(conn, EPOLLIN))
			begin_setup(conn);
		else
			db_lost(conn, "could not watch the socket");
	}
	else if (status == PGRES_POLLING_FAILED)
		db_lost(conn, PQerrorMessage(conn->pg));
	else if (!watch(conn, status == PGRES_POLLING_READING ? EPOLLIN : EPOLLOUT))
		db_lost(conn, "could not watch the socket");
}

static void
connect_now(struct db_conn *conn)
{
	/* the setting wins over what stands before it: after a failover only a primary will do */
	static const char *const keys[] = { "target_session_attrs",
										"tcp_user_timeout",
										"dbname",
										"fallback_application_name",
										"host",
										"hostaddr",
										"port",
										NULL };
	const struct host *host = &conn->db->hosts.each[conn->host];
	const char *values[] = { "read-write",     "5000",     conn->db->cfg->database,
							 "agenda-gateway", host->host, host->addr,
							 host->port,       NULL };

	set_state(conn, DB_CONNECTING);
	set_patience(conn, conn->db->hosts.n > 0 ? HOST_PATIENCE_MS : CONNECT_PATIENCE_MS);
	conn->pg = PQconnectStartParams(keys, values, 1);
	if (conn->pg == NULL || PQstatus(conn->pg) == CONNECTION_BAD)
		db_lost(conn, conn->pg ? PQerrorMessage(conn->pg) : "out of memory");
	else if (!watch(conn, EPOLLOUT))
		db_lost(conn, "could not watch the socket");
}

/* ---- events ------------------------------------------------------------------------------ */

static void
on_timer(struct timer *timer)
{
	struct db_conn *conn =
		(struct db_conn *) (void *) ((char *) timer - offsetof(struct db_conn, timer));

	if (conn->state == DB_DOWN)
		connect_now(conn);
	else
		db_lost(conn, "the server does not answer");
}

static void
on_event(struct event_source *source, uint32_t events)
{
	struct db_conn *conn = (struct db_conn *) (void *) source;

	if (conn->state == DB_DOWN)
		return; /* an event of this turn that came after the loss */
	if (conn->state == DB_CONNECTING)
	{
		poll_connect(conn);
		return;
	}
	if ((events & EPOLLOUT) != 0 && !db_flush(conn))
	{
		db_lost(conn, PQerrorMessage(conn->pg));
		return;
	}
	if (PQconsumeInput(conn->pg) != 1)
	{
		/* results that came before the end still count: they tell what became of the batch */
		if (conn->state == DB_BUSY)
			pipeline_input(conn);
		if (conn->state != DB_DOWN)
			db_lost(conn, PQerrorMessage(conn->pg));
		return;
	}
	if (conn->state == DB_SETTING_UP)
		setup_input(conn);
	else if (conn->state == DB_BUSY)
		pipeline_input(conn);
	else
		(void) PQisBusy(conn->pg); /* idle: lets libpq take parameter changes and notices */
}

void
db_batch_started(struct db_conn *conn)
{
	set_state(conn, DB_BUSY);
	/* a batch is as slow as its members together; this only catches a server that hangs */
	set_patience(conn, (uint64_t) timeout_of(conn) * 3000);
}

void
db_batch_ended(struct db_conn *conn)
{
	set_patience(conn, WHEEL_NEVER);
	set_state(conn, DB_IDLE);
	if (conn->stale)
		db_lost(conn, "the session is out of date");
}

/* ---- start and stop ------------------------------------------------------------------------ */

void
db_init(struct db *db, const struct config *cfg, struct wheel *wheel, struct metrics *metrics,
		int epoll_fd)
{
	memset(db, 0, sizeof(*db));
	db->cfg = cfg;
	db->wheel = wheel;
	db->metrics = metrics;
	db->epoll_fd = epoll_fd;
	db->unready_since = wheel->now;
	db->sweep.fire = pipeline_sweep;
	db->n_fast = (int) cfg->db_connections;
	db->n_conns = (int) (cfg->db_connections + cfg->slow_connections);
	for (int i = 0; i < db->n_conns; i++)
	{
		struct db_conn *conn = &db->conns[i];

		conn->source.handle = on_event;
		conn->db = db;
		conn->index = i;
		conn->slow = i >= db->n_fast;
		conn->fd = -1;
		conn->timer.fire = on_timer;
	}
	hosts_parse(&db->hosts, cfg->database);
	make_statements();
}

void
db_start(struct db *db)
{
	for (int i = 0; i < db->n_conns; i++)
		connect_now(&db->conns[i]);
}

void
db_stop(struct db *db)
{
	db_fail_queued(db);
	for (int i = 0; i < db->n_conns; i++)
	{
		struct db_conn *conn = &db->conns[i];

		wheel_remove(&conn->timer);
		if (conn->state != DB_DOWN)
			db_lost(conn, "the gateway is stopping");
		wheel_remove(&conn->timer);
	}
	wheel_remove(&db->sweep);
	json_decref(db->rules);
	hosts_free(&db->hosts);
}
