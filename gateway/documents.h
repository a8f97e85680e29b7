/*
 * documents.h
 *	  What the route table says about itself: OpenAPI, a page for people, Dapr's subscriptions.
 */
#ifndef AGENDA_GW_DOCUMENTS_H
#define AGENDA_GW_DOCUMENTS_H

#include "strbuf.h"

extern void document_openapi(struct strbuf *out);
extern void document_docs(struct strbuf *out);
extern void document_subscriptions(struct strbuf *out, const char *pubsub);

#endif
