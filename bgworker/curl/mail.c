/*
 * mail.c
 *		A message as a mail, handed to the server of agenda.delivery_config_file.
 *
 * Text is UTF-8 and goes as base64, the subject as encoded words (RFC 2047), so that nothing of
 * what a user has written can become a header.  Addresses are checked by SQL when a channel is
 * made; here once more for what could end a line or an address.
 *
 * A password never goes over a connection that is not encrypted, unless the configuration says so.
 *
 * Called by sender.c.  Memory: the transfer's context, and libcurl's own for the recipients.
 */
#include "postgres.h"

#include <time.h>

#include "common/base64.h"
#include "mb/pg_wchar.h"

#include "transfer.h"

#define BASE64_LINE_BYTES  57 /* 76 characters */
#define ENCODED_WORD_BYTES 39 /* with "Subject: =?UTF-8?B?" and "?=" below 76 characters */

static bool is_plain_address(const char *address);
static void write_mail(StringInfo text, const char *from, const AgendaMessage *message);
static void append_subject(StringInfo text, const char *subject);
static void append_base64(StringInfo text, const char *bytes, int length);
static size_t read_text(char *buffer, size_t size, size_t count, void *arg);

bool
agenda_mail_prepare(Transfer *transfer, const AgendaMessage *message)
{
	const AgendaDeliveryConfig *config = transfer->config;
	CURL *easy = transfer->easy;

	if (config->smtp_url == NULL || config->mail_from == NULL)
		transfer->invalid = "no mail server is configured";
	else if (!is_plain_address(message->address) || !is_plain_address(config->mail_from))
		transfer->invalid = "not an e-mail address";
	if (transfer->invalid)
		return false;

	write_mail(&transfer->text, config->mail_from, message);
	transfer->recipients = curl_slist_append(NULL, message->address);
	return transfer->recipients != NULL &&
		   curl_easy_setopt(easy, CURLOPT_URL, config->smtp_url) == CURLE_OK &&
		   (config->smtp_user == NULL ||
			curl_easy_setopt(easy, CURLOPT_USERNAME, config->smtp_user) == CURLE_OK) &&
		   (config->smtp_password == NULL ||
			curl_easy_setopt(easy, CURLOPT_PASSWORD, config->smtp_password) == CURLE_OK) &&
		   curl_easy_setopt(easy, CURLOPT_USE_SSL,
							(long) (config->smtp_plain ? CURLUSESSL_NONE : CURLUSESSL_ALL)) ==
			   CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_MAIL_FROM, config->mail_from) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, transfer->recipients) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_text) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_READDATA, transfer) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) == CURLE_OK;
}

/* One address, and nothing that means something in an SMTP command or a header. */
static bool
is_plain_address(const char *address)
{
	const char *at = strchr(address, '@');

	if (at == NULL || at == address || at[1] == '\0' || strchr(at + 1, '@') != NULL)
		return false;
	for (const char *c = address; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 0x7f || strchr("<>,;:\\\"()[]", *c) != NULL)
			return false;
	return true;
}

static void
write_mail(StringInfo text, const char *from, const AgendaMessage *message)
{
	time_t now = time(NULL);
	struct tm utc;
	char date[64];

	gmtime_r(&now, &utc);
	/* the locale of times is the server's, which is C in its processes */
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &utc);
	appendStringInfo(text, "From: <%s>\r\nTo: <%s>\r\nDate: %s\r\n", from, message->address, date);
	appendStringInfo(text, "Message-ID: <%s@%s>\r\n", message->id, strchr(from, '@') + 1);
	append_subject(text, message->subject);
	appendStringInfoString(text, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
								 "Content-Type: text/plain; charset=utf-8\r\n"
								 "Content-Transfer-Encoding: base64\r\n\r\n");
	for (int length = strlen(message->body), done = 0; done < length; done += BASE64_LINE_BYTES)
	{
		append_base64(text, message->body + done, Min(length - done, BASE64_LINE_BYTES));
		appendStringInfoString(text, "\r\n");
	}
}

/* Encoded words end where characters end. */
static void
append_subject(StringInfo text, const char *subject)
{
	appendStringInfoString(text, "Subject:");
	while (*subject != '\0')
	{
		int length = strlen(subject);
		int piece = length <= ENCODED_WORD_BYTES
						? length
						: pg_encoding_mbcliplen(PG_UTF8, subject, length, ENCODED_WORD_BYTES);

		appendStringInfoString(text, " =?UTF-8?B?");
		append_base64(text, subject, piece);
		appendStringInfoString(text, "?=\r\n");
		subject += piece;
	}
}

/* A piece that is short enough for one line. */
static void
append_base64(StringInfo text, const char *bytes, int length)
{
	char encoded[128];
	int n = pg_b64_encode(bytes, length, encoded, sizeof(encoded));

	appendBinaryStringInfo(text, encoded, Max(n, 0));
}

/* CURLOPT_READFUNCTION */
static size_t
read_text(char *buffer, size_t size, size_t count, void *arg)
{
	Transfer *transfer = arg;
	size_t n = Min(size * count, transfer->text.len - transfer->offset);

	memcpy(buffer, transfer->text.data + transfer->offset, n);
	transfer->offset += n;
	return n;
}
