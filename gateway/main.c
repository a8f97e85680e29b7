/*
 * main.c
 *	  agenda-gateway: start, signals, end.
 *
 * main() reads the settings and the keys, opens the sockets (listen.c), starts the workers and then
 * only waits for signals, which are blocked in every thread.  SIGHUP: keys and certificates are read
 * again.  SIGTERM or SIGINT: readyz says no, after drain-delay nobody new can connect, then the workers
 * stop accepting, finish and return, exit status 0.  A second signal ends the process at once, status 1.
 */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "access.h"
#include "health.h"
#include "local.h"
#include "log.h"
#include "tls.h"
#include "worker.h"

#define EXIT_CONFIG 2
/* descriptors for everything but client connections, and per worker */
#define RESERVE            32
#define RESERVE_PER_WORKER 24
/* two packets of a handshake may be lost: they are sent again after one second and after two more */
#define LAST_HANDSHAKES_MS 3500
#define LOOK_AGAIN_MS      50

static const char *
environment(const char *name)
{
	return getenv(name);
}

/*
 * Every client connection needs a descriptor, and so do the database's connections, which are made
 * again while clients come: theirs are kept back.
 */
static void
fit_descriptor_limit(struct config *cfg)
{
	long reserve = RESERVE + cfg->threads * RESERVE_PER_WORKER;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_cur != limit.rlim_max)
	{
		limit.rlim_cur = limit.rlim_max;
		(void) setrlimit(RLIMIT_NOFILE, &limit);
		(void) getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur == RLIM_INFINITY ||
		limit.rlim_cur >= (rlim_t) (cfg->max_connections + reserve))
		return;
	cfg->max_connections = (long) limit.rlim_cur - reserve;
	if (cfg->max_connections < cfg->threads)
		cfg->max_connections = cfg->threads;
	log_event(LOG_LEVEL_WARNING, "%ld descriptors are enough for %ld client connections only",
			  (long) limit.rlim_cur, cfg->max_connections);
}

static int
wait_for_signal(const sigset_t *set)
{
	int sig = 0;

	while (sigwait(set, &sig) != 0)
		;
	return sig;
}

/* True when another signal came before the time was up. */
static bool
signal_within(const sigset_t *set, long ms)
{
	struct timespec delay = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	return ms > 0 && sigtimedwait(set, NULL, &delay) > 0;
}

/* A second signal while draining: whoever sends it knows what he wants. */
static void *
watch_second_signal(void *arg)
{
	(void) wait_for_signal(arg);
	log_event(LOG_LEVEL_WARNING, "second signal: exiting at once");
	_exit(1);
}

/* SIGHUP: keys and certificates again.  What cannot be used leaves what is in force as it is. */
static void
reload(const struct config *cfg, struct worker **workers, int n)
{
	char error[512];
	struct jwt_policy *policy = policy_load(cfg, error, sizeof(error));

	if (policy == NULL)
		log_event(LOG_LEVEL_ERROR, "keys are as they were: %s", error);
	else
	{
		for (int i = 0; i < n; i++)
			worker_new_policy(workers[i], policy_share(policy));
		(void) policy_release(policy);
	}
	if (cfg->tls_cert_file[0] == '\0')
		return;
	if (tls_load(cfg, error, sizeof(error)))
		log_event(LOG_LEVEL_INFO, "the TLS certificate was read again");
	else
		log_event(LOG_LEVEL_ERROR, "the TLS certificate is as it was: %s", error);
}

static void
run_until_signal(const struct config *cfg, struct worker **workers, int n,
				 const struct listener *listeners, int n_listeners, sigset_t *set)
{
	pthread_t watcher;
	int sig;

	while ((sig = wait_for_signal(set)) == SIGHUP)
		reload(cfg, workers, n);
	(void) sigdelset(set, SIGHUP);
	health_set_draining();
	log_event(LOG_LEVEL_INFO, "signal %d: draining", sig);
	if (signal_within(set, cfg->drain_delay * 1000))
		_exit(1);
	listen_turn_away(cfg, listeners, n_listeners);
	for (int ms = 0; ms < LAST_HANDSHAKES_MS && !listen_settled(listeners, n_listeners);
		 ms += LOOK_AGAIN_MS)
		if (signal_within(set, LOOK_AGAIN_MS))
			_exit(1);
	if (pthread_create(&watcher, NULL, watch_second_signal, set) == 0)
		(void) pthread_detach(watcher);
	for (int i = 0; i < n; i++)
		worker_drain(workers[i]);
	for (int i = 0; i < n; i++)
		(void) pthread_join(workers[i]->thread, NULL);
	log_event(LOG_LEVEL_INFO, "all requests are finished");
}

static bool
start_workers(const struct config *cfg, struct jwt_policy *policy, struct worker **workers,
			  struct metrics **metrics, const struct listener *listeners, int n_listeners)
{
	int n = (int) cfg->threads;

	for (int i = 0; i < n; i++)
	{
		workers[i] = xcalloc(1, sizeof(struct worker));
		metrics[i] = &workers[i]->metrics;
		if (!worker_init(workers[i], cfg, policy, i, listeners, n_listeners))
			return false;
	}
	health_init(metrics, n);
	for (int i = 0; i < n; i++)
		if (pthread_create(&workers[i]->thread, NULL, worker_run, workers[i]) != 0)
			return false;
	return true;
}

static void
start_feed(const struct config *cfg, struct worker **workers, int n)
{
	static struct feed_inbox *inboxes[MAX_WORKERS];

	if (!cfg->stream)
		return;
	for (int i = 0; i < n; i++)
		inboxes[i] = stream_hub_inbox(workers[i]->hub);
	feed_start(cfg, inboxes, n);
}

/* SIGHUP, SIGTERM and SIGINT are waited for by main, in no thread's way. */
static void
block_signals(sigset_t *set)
{
	(void) signal(SIGPIPE, SIG_IGN);
	(void) sigemptyset(set);
	(void) sigaddset(set, SIGTERM);
	(void) sigaddset(set, SIGINT);
	(void) sigaddset(set, SIGHUP);
	(void) pthread_sigmask(SIG_BLOCK, set, NULL);
}

/* Gives the caller's policy back: each worker has its own reference, and what SIGHUP replaces is to go. */
static int
serve(struct config *cfg, struct jwt_policy **policy)
{
	static struct worker *workers[MAX_WORKERS];
	static struct metrics *metrics[MAX_WORKERS];
	static struct listener listeners[MAX_LISTENERS];
	int n = (int) cfg->threads;
	int n_listeners;
	bool started;
	sigset_t set;

	block_signals(&set);
	fit_descriptor_limit(cfg);
	n_listeners = listen_open(cfg, listeners, n);
	started =
		n_listeners >= 0 && start_workers(cfg, *policy, workers, metrics, listeners, n_listeners);
	(void) policy_release(*policy);
	*policy = NULL;
	if (n_listeners < 0)
		return EXIT_FAILURE;
	if (!started)
	{
		log_event(LOG_LEVEL_ERROR, "could not start a worker: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	start_feed(cfg, workers, n);
	run_until_signal(cfg, workers, n, listeners, n_listeners, &set);
	feed_stop();
	for (int i = 0; i < n; i++)
	{
		worker_free(workers[i]);
		free(workers[i]);
	}
	return EXIT_SUCCESS;
}

static int
complain(const char *error)
{
	(void) fprintf(stderr, "agenda-gateway: %s\n", error);
	return EXIT_CONFIG;
}

int
main(int argc, char **argv)
{
	struct config cfg = { 0 };
	struct jwt_policy *policy = NULL;
	char error[512];
	enum config_action action = config_load(&cfg, argc, argv, environment, error, sizeof(error));
	int status = EXIT_SUCCESS;

	if (action == CONFIG_ERROR)
		status = complain(error);
	else if (action == CONFIG_HELP)
		config_help(stdout);
	else if (action == CONFIG_VERSION)
		(void) puts("agenda-gateway " AGENDA_VERSION);
	else if ((policy = policy_load(&cfg, error, sizeof(error))) == NULL ||
			 (cfg.tls_cert_file[0] && !tls_load(&cfg, error, sizeof(error))) ||
			 !access_init(&cfg, error, sizeof(error)))
		status = complain(error);
	else if (action == CONFIG_CHECK)
		config_print(&cfg, stdout);
	else
	{
		if (cfg.threads == 0)
			cfg.threads = sysconf(_SC_NPROCESSORS_ONLN);
		if (cfg.threads > MAX_WORKERS)
			cfg.threads = MAX_WORKERS;
		log_init(cfg.log_level);
		local_init(&cfg);
		json_object_seed(0);
		status = serve(&cfg, &policy);
	}
	(void) policy_release(policy);
	config_free(&cfg);
	return status;
}
