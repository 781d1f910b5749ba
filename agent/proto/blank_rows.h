/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_BLANK_ROWS_H
#define OTR_BLANK_ROWS_H

/*
 * blank_rows.h - the connections whose logins a protocol follows, to blank their secrets (blank.h).
 *
 * A protocol has a struct of its own for one direction of a connection. Its first member is a struct
 * otr_blank_row; its other members say in which field of a message the next byte is. Its state is an
 * array of OTR_BLANK_ROWS of them, zeroed at first, which the functions below take as `rows`, with
 * the `size` of one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otr_ev_data;
struct otr_ev_run;
struct otr_event;

#define OTR_BLANK_ROWS 128 /* directions at once; then the oldest one is forgotten */

struct otr_blank_row {
	uint64_t conn; /* 0: free */
	uint64_t born; /* rows that began later have a higher number */
	uint8_t layer;
	uint8_t dir;
	bool server;	/* the server sends in this direction */
	bool blanked;	/* bytes up to `end` are blanked */
	uint8_t n_head; /* how many bytes of a message's head were read */
	uint32_t left;	/* bytes of the message's body that follow */
	uint32_t pos;	/* the position of the next byte; the low half is enough */
	uint32_t end;	/* the position behind the last blanked byte */
};

/* Returns the row of the direction, or NULL. */
void *otr_blank_find(void *rows, size_t size, uint64_t conn, uint8_t layer, uint8_t dir);

/* Returns a row for direction `dir` of the connection of `ev`, zeroed but for its struct
 * otr_blank_row, which begins at the position of `ev`. Takes the row that the direction has, else a
 * free one, else the oldest one. */
void *otr_blank_begin(void *rows, size_t size, const struct otr_ev_data *ev, uint8_t dir,
		      bool server);

/* As concerns() of struct otr_blank_ops: is `ev` of a direction that is followed, or `begins` it one?
 * Frees the rows of a connection that closes. */
bool otr_blank_concerns(void *rows, size_t size, const struct otr_event *ev, bool begins);

/* Blanks the byte at `pos`. */
void otr_blank_byte(struct otr_blank_row *row, uint8_t *byte, uint32_t pos);

/* Is `ev` the report of a run? Then its tail is blanked where it holds a blanked byte. */
bool otr_blank_run(void *rows, size_t size, struct otr_event *ev);

/* Before the bytes of `ev` are read: if bytes are missing before it, it begins with a message. */
void otr_blank_catch_up(struct otr_blank_row *row, const struct otr_ev_data *ev);

/* After the bytes of `ev` were read: steps over those that were moved and not copied. Returns
 * whether the message ends with them. */
bool otr_blank_step_over(struct otr_blank_row *row, const struct otr_ev_data *ev);

#endif /* OTR_BLANK_ROWS_H */
