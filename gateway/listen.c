/*
 * listen.c
 *	  The sockets that the gateway listens on: TCP, a UNIX socket, an admin port, and those that
 *	  somebody else has opened.
 *
 * main() opens all of them before anything runs, so that a taken port is a clear message.  A TCP port
 * has one socket per worker (SO_REUSEPORT), so that the kernel spreads the clients; a UNIX socket
 * and an inherited one are shared by the workers.  Sockets come by systemd's protocol (LISTEN_PID,
 * LISTEN_FDS, LISTEN_FDNAMES), where the name "admin" makes one an admin port, or by listen-fd.
 */
#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/membarrier.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"

#define LISTEN_BACKLOG   4096
#define FIRST_SYSTEMD_FD 3

/* in the kernel's tables of sockets */
#define STATE_SYN_RECV 0x03

/* ---- TCP ------------------------------------------------------------------------------------ */

static bool
set_option(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on)) == 0;
}

/* A socket with this address that does not listen yet. */
static int
bind_tcp(const struct addrinfo *addr, bool share)
{
	int fd = socket(addr->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void) set_option(fd, SOL_SOCKET, SO_REUSEADDR);
	(void) set_option(fd, IPPROTO_TCP, TCP_NODELAY);
	if ((share && !set_option(fd, SOL_SOCKET, SO_REUSEPORT)) ||
		bind(fd, addr->ai_addr, addr->ai_addrlen) != 0)
	{
		int saved = errno;

		(void) close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/*
 * One socket per worker on the same port.  The first try is without SO_REUSEPORT: with it a second
 * gateway of the same user would get a share of this one's clients instead of an error.  It does not listen,
 * since whoever connected to it would be reset.  With port 0 the system's choice for the probe holds for all.
 */
static bool
open_shared(struct addrinfo *addr, int *fds, int n)
{
	socklen_t len = addr->ai_addrlen;
	int probe = bind_tcp(addr, false);

	if (probe < 0)
		return false;
	(void) getsockname(probe, addr->ai_addr, &len);
	(void) close(probe);
	for (int i = 0; i < n; i++)
		if ((fds[i] = bind_tcp(addr, true)) < 0 || listen(fds[i], LISTEN_BACKLOG) != 0)
			return false;
	return true;
}

/* 0 where there are no ports */
static unsigned int
port_of(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *) (const void *) sa)->sin6_port);
	if (sa->sa_family == AF_INET)
		return ntohs(((const struct sockaddr_in *) (const void *) sa)->sin_port);
	return 0;
}

static bool
listen_tcp(struct listener *out, const char *bind_to, long port, int n)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
	struct addrinfo *addr;
	char service[16];
	int rc;
	bool ok;

	(void) snprintf(service, sizeof(service), "%ld", port);
	rc = getaddrinfo(bind_to, service, &hints, &addr);
	if (rc != 0)
	{
		log_event(LOG_LEVEL_ERROR, "could not resolve bind address \"%s\": %s", bind_to,
				  gai_strerror(rc));
		return false;
	}
	ok = open_shared(addr, out->fds, n);
	out->own = ok;
	if (ok)
		log_event(LOG_LEVEL_INFO, "listening on %s port %u%s%s", bind_to, port_of(addr->ai_addr),
				  out->tls ? " with TLS" : "", out->admin ? " for the admin" : "");
	else
		log_event(LOG_LEVEL_ERROR, "could not listen on %s port %ld: %s", bind_to, port,
				  strerror(errno));
	freeaddrinfo(addr);
	return ok;
}

/* ---- UNIX socket, inherited sockets --------------------------------------------------------- */

/* Every worker accepts from the same socket. */
static bool
share_fd(struct listener *out, int fd, int n)
{
	(void) fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	for (int i = 0; i < n; i++)
		if ((out->fds[i] = i == 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
			return false;
	return true;
}

/* Is there a gateway that answers on the socket of this name? */
static bool
somebody_listens(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answers =
		fd >= 0 && connect(fd, (const struct sockaddr *) (const void *) addr, sizeof(*addr)) == 0;

	if (fd >= 0)
		(void) close(fd);
	return answers;
}

/* A socket that a killed gateway left behind is replaced; one that is in use, or a file, is not. */
static bool
listen_unix(struct listener *out, const char *path, int n)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
	{
		log_event(LOG_LEVEL_ERROR, "the path of the UNIX socket is longer than %zu bytes",
				  sizeof(addr.sun_path) - 1);
		return false;
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && !somebody_listens(&addr))
		(void) unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *) (const void *) &addr, sizeof(addr)) != 0 ||
		listen(fd, LISTEN_BACKLOG) != 0 || !share_fd(out, fd, n))
	{
		log_event(LOG_LEVEL_ERROR, "could not listen on \"%s\": %s", path, strerror(errno));
		return false;
	}
	out->own = true;
	log_event(LOG_LEVEL_INFO, "listening on \"%s\"", path);
	return true;
}

/* How many sockets systemd hands over; 0 when they are meant for somebody else. */
static int
systemd_sockets(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	long n = fds ? strtol(fds, NULL, 10) : 0;

	if (pid == NULL || strtol(pid, NULL, 10) != (long) getpid() || n < 0)
		return 0;
	return n > MAX_LISTENERS ? MAX_LISTENERS : (int) n;
}

/* Is this the name of the nth socket?  The names have colons between them. */
static bool
systemd_name_is(int nth, const char *wanted)
{
	const char *names = getenv("LISTEN_FDNAMES");

	for (; names != NULL && nth > 0; nth--)
	{
		names = strchr(names, ':');
		names = names ? names + 1 : NULL;
	}
	return names != NULL && strcspn(names, ":") == strlen(wanted) &&
		   strncmp(names, wanted, strlen(wanted)) == 0;
}

static int
inherit_sockets(const struct config *cfg, struct listener *listeners, int n)
{
	int count = 0;

	for (int i = 0; i < systemd_sockets(); i++)
	{
		listeners[count].admin = systemd_name_is(i, "admin");
		listeners[count].tls = !listeners[count].admin && cfg->tls_cert_file[0] != '\0';
		if (!share_fd(&listeners[count++], FIRST_SYSTEMD_FD + i, n))
			return -1;
	}
	if (count == 0 && cfg->listen_fd >= 0)
	{
		listeners[count].tls = cfg->tls_cert_file[0] != '\0';
		if (!share_fd(&listeners[count++], (int) cfg->listen_fd, n))
			return -1;
	}
	if (count > 0)
		log_event(LOG_LEVEL_INFO, "listening on %d inherited sockets", count);
	return count;
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* How many listeners there are, -1 after a message. */
int
listen_open(const struct config *cfg, struct listener listeners[MAX_LISTENERS], int n_workers)
{
	int count;

	for (int i = 0; i < MAX_LISTENERS; i++)
	{
		memset(&listeners[i], 0, sizeof(listeners[i]));
		for (int k = 0; k < MAX_WORKERS; k++)
			listeners[i].fds[k] = -1;
	}
	count = inherit_sockets(cfg, listeners, n_workers);
	if (count < 0)
	{
		log_event(LOG_LEVEL_ERROR, "could not take over a socket: %s", strerror(errno));
		return -1;
	}
	if (count == 0)
	{
		listeners[count].tls = cfg->tls_cert_file[0] != '\0';
		if (!listen_tcp(&listeners[count++], cfg->bind, cfg->port, n_workers))
			return -1;
	}
	if (cfg->unix_socket[0] != '\0' && count < MAX_LISTENERS &&
		!listen_unix(&listeners[count++], cfg->unix_socket, n_workers))
		return -1;
	if (cfg->admin_port >= 0 && count < MAX_LISTENERS)
	{
		listeners[count].admin = true;
		if (!listen_tcp(&listeners[count++], cfg->admin_bind, cfg->admin_port, 1))
			return -1;
	}
	return count;
}

/* ---- the end -------------------------------------------------------------------------------- */

static unsigned int
port_of_socket(int fd)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t len = sizeof(addr);

	(void) getsockname(fd, (struct sockaddr *) (void *) &addr, &len);
	return port_of((const struct sockaddr *) (const void *) &addr);
}

/*
 * The kernel looks for a listener that is bound to the interface by which a client comes, or to none.  One that is
 * bound to what does not exist is never found, and clients are refused; handshakes that it has begun go on.
 * (A socket filter would do as well, but not every kernel grants it to the unprivileged.)
 */
static void
hide(int fd)
{
	const int nowhere = INT_MAX;

	if (setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &nowhere, sizeof(nowhere)) != 0)
		log_event(LOG_LEVEL_WARNING, "clients may be reset, port %u could not be hidden: %s",
				  port_of_socket(fd), strerror(errno));
}

/*
 * Nobody new, while the workers go on accepting: handshakes that are under way come to their end.  A socket
 * that is just closed resets them, and whoever came after the last accept().  Inherited sockets are left
 * alone, for whoever handed them over goes on with them.
 */
void
listen_turn_away(const struct config *cfg, const struct listener *listeners, int n)
{
	if (cfg->unix_socket[0] != '\0')
		(void) unlink(cfg->unix_socket);
	for (int i = 0; i < n; i++)
		for (int k = 0; listeners[i].own && k < MAX_WORKERS; k++)
			if (listeners[i].fds[k] >= 0 && port_of_socket(listeners[i].fds[k]) != 0)
				hide(listeners[i].fds[k]);
}

/*
 * Returns when the kernel has come to the end of every packet that it was at work on.  It handles them as
 * readers of RCU, and this is the call that waits for those.
 */
static bool
packets_are_through(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0;
}

/* Has the port a handshake under way in this table of the kernel's sockets? */
static bool
handshake_in(FILE *table, unsigned int wanted)
{
	char line[256];
	unsigned int port;
	unsigned int state;

	while (fgets(line, sizeof(line), table) != NULL)
		if (sscanf(line, "%*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x", &port, &state) == 2 &&
			port == wanted && state == STATE_SYN_RECV)
			return true;
	return false;
}

/* True, too, when the kernel does not tell. */
static bool
handshake_under_way(unsigned int port)
{
	static const char *const tables[] = { "/proc/self/net/tcp", "/proc/self/net/tcp6" };
	bool found = false;
	int n = 0;

	for (int i = 0; i < 2 && !found; i++)
	{
		FILE *table = fopen(tables[i], "re");

		/* without IPv6 there is only one */
		if (table == NULL)
			continue;
		n++;
		found = handshake_in(table, port);
		(void) fclose(table);
	}
	return found || n == 0;
}

/*
 * After listen_turn_away(): true when all that there will ever be to accept is there.  A client may take itself
 * for connected, and have sent its request, while its handshake still has to come to an end on this side, so
 * the kernel is asked and no time is guessed.  False when there are such, or when it does not tell.
 */
bool
listen_settled(const struct listener *listeners, int n)
{
	if (!packets_are_through())
		return false;
	for (int i = 0; i < n; i++)
	{
		unsigned int port = listeners[i].own ? port_of_socket(listeners[i].fds[0]) : 0;

		if (port != 0 && handshake_under_way(port))
			return false;
	}
	/* one that left the table a moment ago may still be on its way to the queue */
	return packets_are_through();
}

/* Whoever has not come into the queue of a UNIX socket by now is refused; the others wait for accept(). */
void
listen_end_queue(int fd)
{
	if (port_of_socket(fd) == 0)
		(void) shutdown(fd, SHUT_RD);
}
