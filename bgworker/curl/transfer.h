/*
 * transfer.h
 *		One message on its way, and the two kinds of it.
 */
#ifndef AGENDA_TRANSFER_H
#define AGENDA_TRANSFER_H

#include <curl/curl.h>

#include "lib/ilist.h"
#include "lib/stringinfo.h"

#include "delivery_config.h"
#include "sender.h"

typedef struct Transfer
{
	dlist_node node;
	MemoryContext context; /* holds this struct and all that belongs to the message */
	CURL *easy;
	bool running; /* libcurl has it */
	AgendaMessageKind kind;
	int number;
	StringInfoData text;           /* what is sent */
	size_t offset;                 /* of a mail: what has been sent of it */
	struct curl_slist *headers;    /* of a webhook */
	struct curl_slist *recipients; /* of a mail */
	size_t received;               /* bytes of the answer */
	bool check_address;            /* only public ones */
	bool refused_address;          /* the peer has one that is not */
	const char *invalid;           /* why it cannot be sent at all */
	const AgendaDeliveryConfig *config;
} Transfer;

/* Prepares transfer->easy for the message; false: out of memory, or transfer->invalid says why. */
extern bool agenda_webhook_prepare(Transfer *transfer, const AgendaMessage *message);
extern bool agenda_mail_prepare(Transfer *transfer, const AgendaMessage *message);

#endif
