/*
 * late_look.c
 *	  For LD_PRELOAD: who looks what has come in by MSG_PEEK says so, by making the file that
 *	  LATE_LOOK names, and looks when something has come.
 *
 * So a test can send what comes between the last reading of a socket and the decision to close it.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 20000

ssize_t
recv(int fd, void *buffer, size_t len, int flags)
{
	struct pollfd wanted = { .fd = fd, .events = POLLIN };

	if (flags & MSG_PEEK)
	{
		(void) close(open(getenv("LATE_LOOK"), O_CREAT | O_WRONLY, 0600));
		(void) poll(&wanted, 1, PATIENCE_MS);
	}
	return recvfrom(fd, buffer, len, flags, NULL, NULL);
}
