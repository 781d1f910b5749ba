/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_RECORD_AUTH_H
#define OTR_RECORD_AUTH_H

/*
 * record_auth.h - what a recording keeps of a PostgreSQL login: that it took place.
 *
 *	client | 'p' | length | password, md5 hash, SCRAM |  ->  | 'p' | length | 0 0 .. |
 *	server | 'R' | length | code | salt, SCRAM |  ->  | 'R' | length | code | 0 0 .. |
 *	server | 'K' | length | key to cancel with |	     ->  | 'K' | length | 0 0 .. |
 *
 * Types and lengths stay, so that a replay parses the same messages and makes the same
 * spans. A connection is followed from its StartupMessage to ReadyForQuery, however its
 * bytes are cut into records. Of a login whose beginning was not seen, a record that
 * begins with such a message is known by its length. What a run keeps of its last bytes
 * is blanked with them.
 */

#include <stdbool.h>
#include <stdint.h>

struct otr_event;

#define OTR_RECORD_LOGINS 128 /* directions; beyond, the oldest is forgotten */

/* One direction of a login. */
struct otr_record_login {
	uint64_t conn; /* 0: free */
	uint8_t layer;
	uint8_t dir;
	bool server;	/* its bytes are the server's */
	bool over;	/* only late records of runs are waited for */
	bool blanked;	/* up to `end` */
	uint8_t n_head; /* of a message's head, as many bytes as came */
	char head[9];	/* type, length, code */
	uint32_t left;	/* of its body, behind the head */
	uint32_t pos;	/* where the next byte is; the low half is enough */
	uint32_t end;	/* behind the last blanked byte */
};

/* Embedded; begins zeroed. */
struct otr_record_auth {
	struct otr_record_login logins[OTR_RECORD_LOGINS];
	uint32_t next; /* the row that goes when all are taken */
};

/* May `ev` hold part of a login? Nearly none does. Forgets connections that close. */
bool otr_record_auth_concerns(struct otr_record_auth *auth, const struct otr_event *ev);

/* Blanks in `ev` what belongs to a login. Only for what concerns one. */
void otr_record_auth_blank(struct otr_record_auth *auth, struct otr_event *ev);

#endif /* OTR_RECORD_AUTH_H */
