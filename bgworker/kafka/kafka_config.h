/*
 * kafka_config.h
 *		The librdkafka configuration of the publisher.
 */
#ifndef AGENDA_KAFKA_CONFIG_H
#define AGENDA_KAFKA_CONFIG_H

#include <librdkafka/rdkafka.h>

/*
 * Built-in settings, then the properties of config_file (may be NULL or empty), then the
 * brokers (may be NULL or empty).  The caller owns the result.  ereport(ERROR) when the file
 * cannot be read.
 */
extern rd_kafka_conf_t *agenda_kafka_conf(const char *brokers, const char *config_file,
										  int queue_kbytes);

/* The value of a property that is a number; 0 when there is no such property. */
extern int64 agenda_kafka_conf_number(const rd_kafka_conf_t *conf, const char *name);

#endif
