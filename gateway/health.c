/*
 * health.c
 *	  Is the gateway ready?  One board for all threads.
 *
 * Ready means: not draining, and every worker has a database connection with the right version,
 * since the kernel, not we, chooses the worker of the next client.
 *
 * Locks: draining is an atomic, the text of the last database problem has a mutex; the counters
 * are those of metrics.h.  The board is set up by main() before the first thread starts.
 */
#include "health.h"

#include <pthread.h>
#include <stdio.h>

static struct metrics *const *workers;
static int n_workers;
static atomic_bool draining;
static pthread_mutex_t problem_lock = PTHREAD_MUTEX_INITIALIZER;
static char problem[256] = "no connection to the database yet";

void
health_init(struct metrics *const *all, int n)
{
	workers = all;
	n_workers = n;
}

void
health_set_draining(void)
{
	atomic_store(&draining, true);
}

bool
health_draining(void)
{
	return atomic_load(&draining);
}

void
health_set_database_problem(const char *text)
{
	(void) pthread_mutex_lock(&problem_lock);
	(void) snprintf(problem, sizeof(problem), "%s", text);
	(void) pthread_mutex_unlock(&problem_lock);
}

static bool
database_ready(void)
{
	for (int i = 0; i < n_workers; i++)
		if (count_get(&workers[i]->db_ready) == 0)
			return false;
	return true;
}

bool
health_ready(struct strbuf *out)
{
	char text[sizeof(problem)];

	if (health_draining())
	{
		sb_puts(out, "{\"status\":\"draining\",\"version\":\"" AGENDA_VERSION "\"}");
		return false;
	}
	if (database_ready())
	{
		sb_puts(out, "{\"status\":\"ready\",\"version\":\"" AGENDA_VERSION "\"}");
		return true;
	}
	(void) pthread_mutex_lock(&problem_lock);
	(void) snprintf(text, sizeof(text), "%s", problem);
	(void) pthread_mutex_unlock(&problem_lock);
	sb_puts(out, "{\"status\":\"unavailable\",\"version\":\"" AGENDA_VERSION "\",\"database\":");
	sb_json_str(out, text);
	sb_putc(out, '}');
	return false;
}

void
health_live(struct strbuf *out)
{
	sb_puts(out, "{\"status\":\"ok\",\"version\":\"" AGENDA_VERSION "\"}");
}

void
health_metrics(struct strbuf *out)
{
	metrics_render(out, workers, n_workers);
}
