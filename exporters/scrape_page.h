/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SCRAPE_PAGE_H
#define OTR_SCRAPE_PAGE_H

/*
 * scrape_page.h - the pages that are being sent, shared by clients, so that those who read slowly cost
 * no page each.
 *
 * Of each kind of page (two formats, gzip or not) two are in memory at most. A client gets a new page
 * unless two are being sent; then it gets the newer of these. Used by the thread of the server alone.
 */

#include <microhttpd.h>
#include <stdbool.h>

#include "exporters/gzip.h"
#include "exporters/series.h"

struct otr_scrape_page;

struct otr_scrape_pages { /* begins zeroed but for the first two */
	otr_page_fn write;
	void *arg;
	struct otr_gzip gz;
	struct {
		struct otr_scrape_page *newest; /* one that is being sent, or NULL */
		unsigned int sent;		/* how many are */
	} kinds[2][2];				/* by the format, and whether it is gzip */
};

/* Answers `con` by a page. Returns what MHD_queue_response() does, or -ENOMEM: there is no answer. */
int otr_scrape_send(struct otr_scrape_pages *pages, struct MHD_Connection *con,
		    enum otr_page format, bool is_gzip);

/* All connections have to be closed. */
void otr_scrape_pages_fini(struct otr_scrape_pages *pages);

#endif /* OTR_SCRAPE_PAGE_H */
