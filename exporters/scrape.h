/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SCRAPE_H
#define OTR_SCRAPE_H

/*
 * scrape.h - one page over HTTP, on a thread of its own, by libmicrohttpd.
 *
 * Only GET and HEAD of that page are answered. 16 connections are taken at once, each with 32 KiB, 10 s
 * to send the head of a request and 10 s to read the answer, however slowly; and they share the pages
 * (scrape_page.h). On loopback, the Host of a request has to be a name of this
 * host or an address: a web page elsewhere whose name leads to 127.0.0.1 gets nothing.
 */

#include <stddef.h>
#include <stdint.h>

#include "exporters/series.h"

struct otr_buf;
struct otr_err;
struct otr_scrape;

/* Listens on `host`, a name or an address, and `port`, and answers `path` by `page`, which is called on
 * the thread of the server. `port` 0: any.
 * Returns 0, or -errno with the reason in `err`. */
int otr_scrape_open(struct otr_scrape **out, const char *host, uint16_t port, const char *path,
		    otr_page_fn page, void *arg, struct otr_err *err);

/* Ends the thread, and sets *sp to NULL. */
void otr_scrape_close(struct otr_scrape **sp);

#endif /* OTR_SCRAPE_H */
