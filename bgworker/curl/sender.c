/*
 * sender.c
 *		Sends messages by HTTP and SMTP with libcurl: implements sender.h.
 *
 * One multi handle, driven by an epoll descriptor into which libcurl's sockets go; the deliverer
 * waits for that one together with its latch.  Nothing here waits.
 *
 * What a user has chosen as an address is not trusted: only http and https, no redirects, no proxy
 * of the environment, no credentials of the account's files; the connection is made to public
 * addresses only (address.c), which is checked for each address that is really connected to; an
 * answer is read up to a limit and thrown away.  The mail server is the administrator's choice,
 * and may be anywhere.
 *
 * Callbacks of libcurl must not ereport; they only note things.  libcurl resolves names on threads,
 * so signals are blocked around everything that may start one: PostgreSQL's handlers belong to the
 * main thread.
 *
 * Errors are libcurl's fixed texts.  Its detailed ones quote names and addresses, and end up where
 * the user can read what an administrator's network looks like.
 *
 * Memory: a context for each transfer, which is freed with it.
 */
#include "postgres.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fmgr.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "address.h"
#include "transfer.h"

PG_MODULE_MAGIC;

/* the first with CURLOPT_PROTOCOLS_STR and CURLOPT_QUICK_EXIT behind it */
#if LIBCURL_VERSION_NUM < 0x075700
#error "libcurl 7.87.0 or later is needed"
#endif

#define MOST_OF_AN_ANSWER  65536
#define CONNECT_TIMEOUT_MS 10000L
#define QUIT_TIMEOUT_S     5L
#define MOST_EVENTS        64
#define MOST_KEPT          64L /* connections that wait for the next message */
#define MOST_MAIL_SOCKETS  128 /* on their way, and kept for the next mail */
#define HTTP_GONE          410

static CURLM *multi = NULL;
static int epoll_fd = -1;
static TimestampTz timer_at = DT_NOEND; /* when libcurl wants to be called at the latest */
static AgendaSenderOptions options;
static AgendaDeliveryConfig config;
static MemoryContext sender_context = NULL;
static dlist_head transfers = DLIST_STATIC_INIT(transfers); /* on their way */
static dlist_head invalid = DLIST_STATIC_INIT(invalid);     /* cannot be sent; to be reported */
static curl_socket_t mail_sockets[MOST_MAIL_SOCKETS];       /* connections to the mail server */
static int n_mail_sockets = 0;

static void start(const AgendaSenderOptions *wanted);
static bool send_message(const AgendaMessage *message);
static void work(void);
static bool poll_report(AgendaSendReport *report);
static int wait_fd(void);
static long timeout_ms(void);
static void stop(void);
static bool make_multi(void);
static Transfer *new_transfer(const AgendaMessage *message);
static void free_transfer(Transfer *transfer);
static bool set_common_options(Transfer *transfer);
static bool set_trust_limits(Transfer *transfer);
static void block_signals(sigset_t *before);
static void call_libcurl(curl_socket_t socket, int events);
static int socket_changed(CURL *easy, curl_socket_t socket, int what, void *arg, void *known);
static int timer_changed(CURLM *handle, long milliseconds, void *arg);
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address);
static int close_socket(void *arg, curl_socket_t closing);
static size_t take_answer(char *data, size_t size, size_t count, void *arg);
static bool last_answer(const Transfer *transfer, const char *line, size_t length);
static void judge(Transfer *transfer, CURLcode result, AgendaSendReport *report);
static void judge_http(Transfer *transfer, CURLcode result, AgendaSendReport *report);
static void judge_smtp(CURLcode result, AgendaSendReport *report);

static const AgendaSender sender = { .start = start,
									 .send = send_message,
									 .work = work,
									 .poll = poll_report,
									 .wait_fd = wait_fd,
									 .timeout_ms = timeout_ms,
									 .stop = stop };

extern PGDLLEXPORT const AgendaSender *agenda_sender_init(void);

const AgendaSender *
agenda_sender_init(void)
{
	return &sender;
}

static void
start(const AgendaSenderOptions *wanted)
{
	MemoryContext old;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		ereport(ERROR, errcode(ERRCODE_SYSTEM_ERROR), errmsg("could not initialize libcurl"));
	if (sender_context == NULL)
		sender_context =
			AllocSetContextCreate(TopMemoryContext, "pg_agenda sender", ALLOCSET_DEFAULT_SIZES);
	options = *wanted;
	old = MemoryContextSwitchTo(sender_context);
	agenda_delivery_config_read(options.config_file, &config);
	MemoryContextSwitchTo(old);

	ReserveExternalFD();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0 || !make_multi())
	{
		stop();
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not prepare libcurl"));
	}
}

static bool
make_multi(void)
{
	multi = curl_multi_init();
	return multi != NULL &&
		   curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_changed) == CURLM_OK &&
		   curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_changed) == CURLM_OK &&
		   curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, MOST_KEPT) == CURLM_OK;
}

static void
stop(void)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &transfers) free_transfer(dlist_container(Transfer, node, iter.cur));
	dlist_foreach_modify(iter, &invalid) free_transfer(dlist_container(Transfer, node, iter.cur));
	/* libcurl would say QUIT, and wait for the answer */
	for (int i = 0; i < n_mail_sockets; i++)
		(void) shutdown(mail_sockets[i], SHUT_RDWR);
	if (multi != NULL)
		curl_multi_cleanup(multi);
	multi = NULL;
	timer_at = DT_NOEND;
	if (epoll_fd >= 0)
		close(epoll_fd);
	epoll_fd = -1;
	ReleaseExternalFD();
	agenda_delivery_config_free(&config);
}

static bool
send_message(const AgendaMessage *message)
{
	Transfer *transfer = new_transfer(message);
	sigset_t before;
	bool ok;

	if (transfer == NULL)
		return false;
	ok = set_common_options(transfer) && set_trust_limits(transfer) &&
		 (message->kind == AGENDA_MESSAGE_MAIL ? agenda_mail_prepare(transfer, message)
											   : agenda_webhook_prepare(transfer, message));
	if (ok)
	{
		block_signals(&before);
		ok = curl_multi_add_handle(multi, transfer->easy) == CURLM_OK;
		transfer->running = ok;
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	if (ok)
		return true;
	if (transfer->invalid == NULL)
	{
		free_transfer(transfer);
		return false;
	}
	dlist_delete(&transfer->node);
	dlist_push_tail(&invalid, &transfer->node);
	return true;
}

static Transfer *
new_transfer(const AgendaMessage *message)
{
	MemoryContext context =
		AllocSetContextCreate(sender_context, "pg_agenda message", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Transfer *transfer = palloc0(sizeof(Transfer));

	transfer->context = context;
	transfer->kind = message->kind;
	transfer->number = message->number;
	transfer->config = &config;
	transfer->check_address = message->kind == AGENDA_MESSAGE_WEBHOOK && !options.allow_private;
	transfer->easy = curl_easy_init();
	initStringInfo(&transfer->text);
	dlist_push_tail(&transfers, &transfer->node);
	MemoryContextSwitchTo(old);
	if (transfer->easy == NULL)
	{
		free_transfer(transfer);
		return NULL;
	}
	return transfer;
}

static void
free_transfer(Transfer *transfer)
{
	if (transfer->running)
		curl_multi_remove_handle(multi, transfer->easy);
	curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->headers);
	curl_slist_free_all(transfer->recipients);
	dlist_delete(&transfer->node);
	MemoryContextDelete(transfer->context);
}

static bool
set_common_options(Transfer *transfer)
{
	CURL *easy = transfer->easy;

	return curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_USERAGENT, options.user_agent) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) options.timeout_ms) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
							Min(CONNECT_TIMEOUT_MS, (long) options.timeout_ms)) == CURLE_OK &&
		   /* a mail server may think for as long as an attempt lasts; see last_answer() */
		   curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT,
							transfer->kind == AGENDA_MESSAGE_MAIL
								? (long) options.timeout_ms / 1000 + 1
								: QUIT_TIMEOUT_S) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_answer) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer) == CURLE_OK &&
		   (config.ca_file == NULL ||
			curl_easy_setopt(easy, CURLOPT_CAINFO, config.ca_file) == CURLE_OK);
}

/* What an address must not lead to. */
static bool
set_trust_limits(Transfer *transfer)
{
	CURL *easy = transfer->easy;
	const char *protocols = transfer->kind == AGENDA_MESSAGE_MAIL ? "smtp,smtps" : "http,https";

	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket) == CURLE_OK;
}

/* ---- going on ---- */

static void
work(void)
{
	struct epoll_event events[MOST_EVENTS];
	int n = epoll_wait(epoll_fd, events, MOST_EVENTS, 0);

	for (int i = 0; i < n; i++)
		call_libcurl(events[i].data.fd,
					 (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
						 (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
						 (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0));
	if (timer_at <= GetCurrentTimestamp())
	{
		timer_at = DT_NOEND;
		call_libcurl(CURL_SOCKET_TIMEOUT, 0);
	}
}

static void
call_libcurl(curl_socket_t socket, int events)
{
	sigset_t before;
	int running;

	block_signals(&before);
	(void) curl_multi_socket_action(multi, socket, events, &running);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* For threads that are started meanwhile. */
static void
block_signals(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, before);
}

static int
wait_fd(void)
{
	return epoll_fd;
}

static long
timeout_ms(void)
{
	if (!dlist_is_empty(&invalid))
		return 0;
	return timer_at == DT_NOEND ? -1
								: TimestampDifferenceMilliseconds(GetCurrentTimestamp(), timer_at);
}

/* ---- callbacks of libcurl ---- */

/* CURLMOPT_SOCKETFUNCTION */
static int
socket_changed(CURL *easy, curl_socket_t socket, int what, void *arg, void *known)
{
	struct epoll_event event = { .data.fd = socket };

	if (what == CURL_POLL_REMOVE)
	{
		(void) epoll_ctl(epoll_fd, EPOLL_CTL_DEL, socket, NULL);
		return 0;
	}
	event.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
	if (epoll_ctl(epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event) != 0)
		return -1;
	curl_multi_assign(multi, socket, &epoll_fd); /* anything but NULL */
	return 0;
}

/* CURLMOPT_TIMERFUNCTION */
static int
timer_changed(CURLM *handle, long milliseconds, void *arg)
{
	timer_at = milliseconds < 0 ? DT_NOEND
								: TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds);
	return 0;
}

/* CURLOPT_OPENSOCKETFUNCTION: the last moment before a connection, with the resolved address. */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	Transfer *transfer = arg;
	bool is_mail = transfer->kind == AGENDA_MESSAGE_MAIL;
	curl_socket_t opened;

	if (transfer->check_address && !agenda_address_public(&address->addr, address->addrlen))
	{
		transfer->refused_address = true;
		return CURL_SOCKET_BAD;
	}
	if (is_mail && n_mail_sockets == MOST_MAIL_SOCKETS)
		return CURL_SOCKET_BAD;
	opened = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (is_mail && opened >= 0)
		mail_sockets[n_mail_sockets++] = opened;
	return opened;
}

/* CURLOPT_CLOSESOCKETFUNCTION */
static int
close_socket(void *arg, curl_socket_t closing)
{
	for (int i = 0; i < n_mail_sockets; i++)
		if (mail_sockets[i] == closing)
			mail_sockets[i] = mail_sockets[--n_mail_sockets];
	return close(closing);
}

/* CURLOPT_WRITEFUNCTION, CURLOPT_HEADERFUNCTION: counts, and stops at the limit. */
static size_t
take_answer(char *data, size_t size, size_t count, void *arg)
{
	Transfer *transfer = arg;

	if (transfer->kind == AGENDA_MESSAGE_MAIL && last_answer(transfer, data, size * count))
		curl_easy_setopt(transfer->easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, QUIT_TIMEOUT_S);
	transfer->received += size * count;
	return transfer->received <= MOST_OF_AN_ANSWER ? size * count : 0;
}

/*
 * What follows the answer to the whole mail, or a refusal, is QUIT at the most; to wait for its answer is
 * the one wait that there is.
 */
static bool
last_answer(const Transfer *transfer, const char *line, size_t length)
{
	return transfer->offset == transfer->text.len ||
		   (length > 0 && (line[0] == '4' || line[0] == '5'));
}

/* ---- reports ---- */

static bool
poll_report(AgendaSendReport *report)
{
	CURLMsg *message;
	Transfer *transfer = NULL;
	int left;

	if (!dlist_is_empty(&invalid))
	{
		transfer = dlist_head_element(Transfer, node, &invalid);
		judge(transfer, CURLE_OK, report);
		free_transfer(transfer);
		return true;
	}
	while ((message = curl_multi_info_read(multi, &left)) != NULL)
	{
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
		judge(transfer, message->data.result, report);
		free_transfer(transfer);
		return true;
	}
	return false;
}

static void
judge(Transfer *transfer, CURLcode result, AgendaSendReport *report)
{
	long response = 0;

	memset(report, 0, sizeof(*report));
	report->number = transfer->number;
	if (transfer->invalid)
	{
		report->outcome = AGENDA_SEND_RETRY;
		report->error = transfer->invalid;
		return;
	}
	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &response);
	report->response = response;
	if (transfer->kind == AGENDA_MESSAGE_MAIL)
		judge_smtp(result, report);
	else
		judge_http(transfer, result, report);
}

/* Receivers answer 4xx for what may pass, too; so only 410 is final. */
static void
judge_http(Transfer *transfer, CURLcode result, AgendaSendReport *report)
{
	curl_off_t retry_after = 0;

	if (report->response == HTTP_GONE)
	{
		report->outcome = AGENDA_SEND_GONE;
		report->error = "the address is gone";
	}
	/* an answer that was too long was an answer */
	else if (report->response / 100 == 2 &&
			 (result == CURLE_OK || transfer->received > MOST_OF_AN_ANSWER))
		report->outcome = AGENDA_SEND_SENT;
	else if (transfer->refused_address && result != CURLE_OK)
	{
		report->outcome = AGENDA_SEND_REFUSED;
		report->error = "the address is not public";
	}
	else
	{
		report->outcome = result == CURLE_URL_MALFORMAT ? AGENDA_SEND_REFUSED : AGENDA_SEND_RETRY;
		if (result != CURLE_OK)
			report->error = curl_easy_strerror(result);
		else if (report->response / 100 == 3)
			report->error = "redirects are not followed";
		else
			report->error = "the answer was no success";
		if (curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK)
			report->retry_after_s = Min(retry_after, SECS_PER_DAY);
	}
}

/* 55x is about the mail or its recipient; everything else may pass, or be put right. */
static void
judge_smtp(CURLcode result, AgendaSendReport *report)
{
	if (result == CURLE_OK)
	{
		report->outcome = AGENDA_SEND_SENT;
		return;
	}
	report->outcome = report->response / 10 == 55 ? AGENDA_SEND_REFUSED : AGENDA_SEND_RETRY;
	report->error = report->outcome == AGENDA_SEND_REFUSED ? "the mail server refused the mail"
														   : curl_easy_strerror(result);
}
