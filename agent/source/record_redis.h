/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_RECORD_REDIS_H
#define OTR_RECORD_REDIS_H

/*
 * record_redis.h - blanks the secrets of Redis requests in a recording.
 *
 *	*3 CR LF  $4 CR LF AUTH CR LF  $3 CR LF joe CR LF  $8 CR LF password CR LF
 *	                                       0 0 0              0 0 0 0 0 0 0 0
 *
 * Hidden are the arguments behind AUTH and AUTH2 (also in HELLO and MIGRATE), and those of ACL
 * SETUSER and of CONFIG SET of a password, where they are in one record with that word. Lengths
 * stay, so that a replay makes the same spans.
 */

#include <stdbool.h>

struct otr_ev_data;

/* Does the record hold such a word? */
bool otr_record_redis_concerns(const struct otr_ev_data *ev);

/* Blanks what belongs to it. */
void otr_record_redis_blank(struct otr_ev_data *ev);

#endif /* OTR_RECORD_REDIS_H */
