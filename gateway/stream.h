/*
 * stream.h
 *	  Live changes as server-sent events.
 */
#ifndef AGENDA_GW_STREAM_H
#define AGENDA_GW_STREAM_H

#include "feed.h"
#include "request.h"

struct stream_hub;

extern struct stream_hub *stream_hub_create(struct worker *worker);
extern void stream_hub_free(struct stream_hub *hub);
extern struct feed_inbox *stream_hub_inbox(struct stream_hub *hub);
extern void stream_hub_turn(struct stream_hub *hub);
extern void stream_hub_close(struct stream_hub *hub);
extern void stream_open(struct request *req);
extern void stream_closed(struct request *req);

#endif
