/*
 * main.c
 *	  agenda-gateway: start, signals, end.
 *
 * main() reads the settings and the key, opens the sockets (so that a taken port is a clear
 * message before anything runs), starts the workers and then only waits for signals, which are
 * blocked in every thread.  SIGTERM or SIGINT: readyz says no, after drain-delay the workers stop accepting,
 * finish and return, exit status 0.  A second signal ends the process at once, status 1.
 */
#include <errno.h>
#include <jansson.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "health.h"
#include "log.h"
#include "worker.h"

#define LISTEN_BACKLOG 1024
#define EXIT_CONFIG    2

static const char *
environment(const char *name)
{
	return getenv(name);
}

static bool
set_option(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on)) == 0;
}

static int
open_listener(const struct addrinfo *addr, bool share)
{
	int fd = socket(addr->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void) set_option(fd, SOL_SOCKET, SO_REUSEADDR);
	(void) set_option(fd, IPPROTO_TCP, TCP_NODELAY);
	if ((share && !set_option(fd, SOL_SOCKET, SO_REUSEPORT)) ||
		bind(fd, addr->ai_addr, addr->ai_addrlen) != 0 || listen(fd, LISTEN_BACKLOG) != 0)
	{
		int saved = errno;

		(void) close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/*
 * One listening socket per worker on the same port.  The first try is without SO_REUSEPORT: with it
 * a second gateway of the same user would get a share of this one's clients instead of an error.
 * With port 0 the system's choice for the probe holds for all.
 */
static bool
listen_on(struct addrinfo *addr, int *fds, int n)
{
	socklen_t len = addr->ai_addrlen;
	int probe = open_listener(addr, false);

	if (probe < 0)
		return false;
	(void) getsockname(probe, addr->ai_addr, &len);
	(void) close(probe);
	for (int i = 0; i < n; i++)
		if ((fds[i] = open_listener(addr, true)) < 0)
			return false;
	return true;
}

static unsigned int
port_of(const struct addrinfo *addr)
{
	const struct sockaddr *sa = addr->ai_addr;

	if (sa->sa_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *) (const void *) sa)->sin6_port);
	return ntohs(((const struct sockaddr_in *) (const void *) sa)->sin_port);
}

static bool
open_sockets(const struct config *cfg, int *fds, int n)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
	struct addrinfo *addr;
	char port[16];
	int rc;
	bool ok;

	if (cfg->listen_fd >= 0)
	{
		for (int i = 0; i < n; i++)
			fds[i] = i == 0 ? (int) cfg->listen_fd : dup((int) cfg->listen_fd);
		log_event(LOG_LEVEL_INFO, "listening on descriptor %ld", cfg->listen_fd);
		return true;
	}
	(void) snprintf(port, sizeof(port), "%ld", cfg->port);
	rc = getaddrinfo(cfg->bind, port, &hints, &addr);
	if (rc != 0)
	{
		log_event(LOG_LEVEL_ERROR, "could not resolve bind address \"%s\": %s", cfg->bind,
				  gai_strerror(rc));
		return false;
	}
	ok = listen_on(addr, fds, n);
	if (ok)
		log_event(LOG_LEVEL_INFO, "listening on %s port %u", cfg->bind, port_of(addr));
	else
		log_event(LOG_LEVEL_ERROR, "could not listen on %s port %ld: %s", cfg->bind, cfg->port,
				  strerror(errno));
	freeaddrinfo(addr);
	return ok;
}

static bool
make_policy(const struct config *cfg, struct jwt_policy *policy, char *error, size_t size)
{
	policy->audience = cfg->jwt_audience[0] ? cfg->jwt_audience : NULL;
	policy->issuer = cfg->jwt_issuer[0] ? cfg->jwt_issuer : NULL;
	policy->leeway = cfg->jwt_leeway;
	if (cfg->jwt_key_file[0] == '\0')
	{
		(void) snprintf(error, size, "no key: set AGENDA_JWT_KEY_FILE or --jwt-key-file");
		return false;
	}
	return auth_load_key(cfg->jwt_key_file, policy, error, size);
}

/* Every client connection needs a descriptor. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void) setrlimit(RLIMIT_NOFILE, &limit);
}

static int
wait_for_signal(const sigset_t *set)
{
	int sig = 0;

	while (sigwait(set, &sig) != 0)
		;
	return sig;
}

/* Wait out drain-delay; true when a second signal came. */
static bool
delay_drain(const struct config *cfg, const sigset_t *set)
{
	struct timespec delay = { .tv_sec = cfg->drain_delay };

	return cfg->drain_delay > 0 && sigtimedwait(set, NULL, &delay) > 0;
}

/* A second signal while draining: whoever sends it knows what he wants. */
static void *
watch_second_signal(void *arg)
{
	(void) wait_for_signal(arg);
	log_event(LOG_LEVEL_WARNING, "second signal: exiting at once");
	_exit(1);
}

static void
run_until_signal(const struct config *cfg, struct worker **workers, int n, sigset_t *set)
{
	pthread_t watcher;
	int sig = wait_for_signal(set);

	health_set_draining();
	log_event(LOG_LEVEL_INFO, "signal %d: draining", sig);
	if (delay_drain(cfg, set))
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
start_workers(const struct config *cfg, const struct jwt_policy *policy, struct worker **workers,
			  struct metrics **metrics, const int *fds, int n)
{
	for (int i = 0; i < n; i++)
	{
		workers[i] = xcalloc(1, sizeof(struct worker));
		metrics[i] = &workers[i]->metrics;
		if (!worker_init(workers[i], cfg, policy, i, fds[i]))
			return false;
	}
	health_init(metrics, n);
	for (int i = 0; i < n; i++)
		if (pthread_create(&workers[i]->thread, NULL, worker_run, workers[i]) != 0)
			return false;
	return true;
}

static int
serve(const struct config *cfg, const struct jwt_policy *policy)
{
	int n = (int) cfg->threads;
	struct worker **workers = xcalloc((size_t) n, sizeof(*workers));
	struct metrics **metrics = xcalloc((size_t) n, sizeof(*metrics));
	int *fds = xcalloc((size_t) n, sizeof(*fds));
	sigset_t set;

	(void) signal(SIGPIPE, SIG_IGN);
	(void) sigemptyset(&set);
	(void) sigaddset(&set, SIGTERM);
	(void) sigaddset(&set, SIGINT);
	(void) pthread_sigmask(SIG_BLOCK, &set, NULL);
	raise_descriptor_limit();
	if (!open_sockets(cfg, fds, n))
		return EXIT_FAILURE;
	if (!start_workers(cfg, policy, workers, metrics, fds, n))
	{
		log_event(LOG_LEVEL_ERROR, "could not start a worker: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	run_until_signal(cfg, workers, n, &set);
	for (int i = 0; i < n; i++)
	{
		worker_free(workers[i]);
		free(workers[i]);
	}
	free(workers);
	free(metrics);
	free(fds);
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
	struct jwt_policy policy = { 0 };
	char error[512];
	enum config_action action = config_load(&cfg, argc, argv, environment, error, sizeof(error));
	int status = EXIT_SUCCESS;

	if (action == CONFIG_ERROR)
		status = complain(error);
	else if (action == CONFIG_HELP)
		config_help(stdout);
	else if (action == CONFIG_VERSION)
		(void) puts("agenda-gateway " AGENDA_VERSION);
	else if (!make_policy(&cfg, &policy, error, sizeof(error)))
		status = complain(error);
	else if (action == CONFIG_CHECK)
		config_print(&cfg, stdout);
	else
	{
		if (cfg.threads == 0)
			cfg.threads = sysconf(_SC_NPROCESSORS_ONLN);
		log_init(cfg.log_level);
		json_object_seed(0);
		status = serve(&cfg, &policy);
	}
	jwt_key_free(policy.keys);
	config_free(&cfg);
	return status;
}
