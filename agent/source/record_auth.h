/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_RECORD_AUTH_H
#define OTR_RECORD_AUTH_H

/*
 * record_auth.h - blanks the secrets of logins in a recording: here PostgreSQL's; MySQL's in
 * record_mysql.h.
 *
 *	client | 'p' | length | password, md5 hash, SCRAM |  ->  | 'p' | length | 0 0 .. |
 *	server | 'R' | length | code | salt, SCRAM |  ->  | 'R' | length | code | 0 0 .. |
 *	server | 'K' | length | key to cancel with |	     ->  | 'K' | length | 0 0 .. |
 *
 * Types and lengths stay, so that a replay parses the same messages and makes the same spans. A
 * connection is followed from its StartupMessage to ReadyForQuery, however its bytes are cut into
 * records. Where the beginning of a login was not seen, a record that begins with such a message
 * is recognised by its length. The tail that OTR_EV_RUN keeps is blanked as well.
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/source/record_mysql.h"

struct otr_event;

#define OTR_RECORD_LOGINS 128 /* directions at once; then the oldest one is forgotten */

/* One direction of a login. */
struct otr_record_login {
	uint64_t conn; /* 0: free */
	uint8_t layer;
	uint8_t dir;
	bool server;	/* the server sends in this direction */
	bool over;	/* the login is over; late records of runs may follow */
	bool blanked;	/* bytes up to `end` are blanked */
	uint8_t n_head; /* how many bytes of a message's head are in `head` */
	char head[9];	/* type, length, code */
	uint32_t left;	/* bytes of the body that follow */
	uint32_t pos;	/* the position of the next byte; the low half is enough */
	uint32_t end;	/* the position behind the last blanked byte */
};

/* Embedded; begins zeroed. */
struct otr_record_auth {
	struct otr_record_login logins[OTR_RECORD_LOGINS];
	uint32_t next; /* the row that is used again when all are taken */
	struct otr_record_mysql mysql;
};

/* May `ev` hold a part of a login? Few events do. Forgets connections that close. */
bool otr_record_auth_concerns(struct otr_record_auth *auth, const struct otr_event *ev);

/* Blanks in `ev` what belongs to a login. Call it only where otr_record_auth_concerns(). */
void otr_record_auth_blank(struct otr_record_auth *auth, struct otr_event *ev);

#endif /* OTR_RECORD_AUTH_H */
