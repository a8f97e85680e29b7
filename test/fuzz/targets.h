/*
 * targets.h
 *		The fuzz targets: each takes any bytes and aborts if something is wrong.
 */
#ifndef AGENDA_FUZZ_TARGETS_H
#define AGENDA_FUZZ_TARGETS_H

#include <stddef.h>
#include <stdint.h>

extern int fuzz_rr_parse(const uint8_t *data, size_t size);
extern int fuzz_rr_phrase(const uint8_t *data, size_t size);
extern int fuzz_rr_expand(const uint8_t *data, size_t size);
extern int fuzz_rr_set(const uint8_t *data, size_t size);
extern int fuzz_gw_target(const uint8_t *data, size_t size);
extern int fuzz_gw_header(const uint8_t *data, size_t size);
extern int fuzz_gw_json(const uint8_t *data, size_t size);
extern int fuzz_gw_jwt(const uint8_t *data, size_t size);
extern int fuzz_gw_position(const uint8_t *data, size_t size);
extern int fuzz_gw_hosts(const uint8_t *data, size_t size);

#endif
