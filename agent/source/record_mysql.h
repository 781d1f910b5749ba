/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_RECORD_MYSQL_H
#define OTR_RECORD_MYSQL_H

/*
 * record_mysql.h - blanks the secrets of MySQL logins in a recording.
 *
 *	server | version | challenge | .. | challenge |		->  | version | 0 0 .. | .. | 0 0 .. |
 *	client | flags | user | response | database | rest |	->  | flags | user | 0 0 .. | database | 0 0 .. |
 *	either | what follows, up to OK or an error |		->  | first byte of the server's | 0 0 .. |
 *
 * Lengths, flags and the database stay, so that a replay parses the same packets and makes the same
 * spans. A connection is followed from its greeting, or from a login inside TLS, for its life,
 * since COM_CHANGE_USER is a login as well. The tail that OTR_EV_RUN keeps is blanked, too.
 */

#include <stdbool.h>
#include <stdint.h>

struct otr_event;

#define OTR_RECORD_MYSQL 128 /* directions at once; then the oldest one is forgotten */

/* One direction of a connection. */
struct otr_record_mysql_row {
	uint64_t conn; /* 0: free */
	uint8_t layer;
	uint8_t dir;
	bool server;	/* the server sends in this direction */
	bool login;	/* packets belong to a login */
	bool blanked;	/* bytes up to `end` are blanked */
	uint8_t n_head; /* how many bytes of a packet's head are in `head` */
	uint8_t head[4];
	uint8_t field; /* of the packet */
	uint8_t code;  /* first byte of the packet */
	bool has_db;
	uint32_t flags; /* of a login */
	uint32_t at;	/* offset in the field */
	uint32_t size;	/* of the response */
	uint32_t left;	/* bytes of the body that follow */
	uint32_t pos;	/* the position of the next byte; the low half is enough */
	uint32_t end;	/* the position behind the last blanked byte */
};

/* Embedded; begins zeroed. */
struct otr_record_mysql {
	struct otr_record_mysql_row rows[OTR_RECORD_MYSQL];
	uint32_t next; /* the row that is used again when all are taken */
};

/* May `ev` hold a part of a login? Forgets connections that close. */
bool otr_record_mysql_concerns(struct otr_record_mysql *my, const struct otr_event *ev);

/* Blanks in `ev` what belongs to a login. Call it only where otr_record_mysql_concerns(). */
void otr_record_mysql_blank(struct otr_record_mysql *my, struct otr_event *ev);

#endif /* OTR_RECORD_MYSQL_H */
