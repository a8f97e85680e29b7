/*
 * webhook.c
 *		A message as a signed POST request, by the rules of Standard Webhooks.
 *
 * The signature covers id, time and body: HMAC-SHA256 of "id.timestamp.body" under the channel's
 * secret.  The id is the same at each attempt, the time is that of the attempt, so that a receiver
 * can tell repetitions and refuse what is old.
 *
 * By OpenSSL itself: PostgreSQL's own functions want the resource owner of a transaction, and there
 * is none here.
 *
 * Called by sender.c.  Memory: the transfer's context, and libcurl's own for the list of headers.
 */
#include "postgres.h"

#include <openssl/hmac.h>
#include <time.h>

#include "common/base64.h"

#include "transfer.h"

static bool sign(const AgendaMessage *message, const char *timestamp, char *signature, int size);
static bool add_header(Transfer *transfer, const char *name, const char *value);

bool
agenda_webhook_prepare(Transfer *transfer, const AgendaMessage *message)
{
	CURL *easy = transfer->easy;
	char timestamp[24];
	char signature[64];

	snprintf(timestamp, sizeof(timestamp), "%lld", (long long) time(NULL));
	if (!sign(message, timestamp, signature, sizeof(signature)))
		return false;
	appendStringInfoString(&transfer->text, message->body);

	return add_header(transfer, "Content-Type", "application/cloudevents+json; charset=utf-8") &&
		   add_header(transfer, "webhook-id", message->id) &&
		   add_header(transfer, "webhook-timestamp", timestamp) &&
		   add_header(transfer, "webhook-signature", signature) &&
		   /* no round trip for permission to send a kilobyte */
		   add_header(transfer, "Expect", NULL) &&
		   curl_easy_setopt(easy, CURLOPT_URL, message->address) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long) transfer->text.len) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->text.data) == CURLE_OK;
}

/* "v1," and the signature in base64 */
static bool
sign(const AgendaMessage *message, const char *timestamp, char *signature, int size)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int digest_len;
	StringInfoData signed_text;
	int length = -1;

	initStringInfo(&signed_text);
	appendStringInfo(&signed_text, "%s.%s.%s", message->id, timestamp, message->body);
	strlcpy(signature, "v1,", size);
	if (HMAC(EVP_sha256(), message->secret, message->secret_len, (unsigned char *) signed_text.data,
			 signed_text.len, digest, &digest_len) != NULL)
		length = pg_b64_encode((char *) digest, digest_len, signature + 3, size - 4);
	pfree(signed_text.data);
	if (length < 0)
		return false;
	signature[3 + length] = '\0';
	return true;
}

/* Without a value libcurl leaves the header out. */
static bool
add_header(Transfer *transfer, const char *name, const char *value)
{
	char *line = psprintf("%s:%s%s", name, value ? " " : "", value ? value : "");
	struct curl_slist *longer = curl_slist_append(transfer->headers, line);

	pfree(line);
	if (longer != NULL)
		transfer->headers = longer;
	return longer != NULL;
}
