/* SPDX-License-Identifier: Apache-2.0 */
/* scrape_page.c - the pages that are being sent; see scrape_page.h. */

#include "exporters/scrape_page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"

#define SENT_MAX 2 /* pages of a kind */

struct otr_scrape_page {
	struct otr_scrape_pages *pages;
	struct MHD_Response *rsp; /* the connections that send it hold it */
	enum otr_page format;
	bool is_gzip;
	char *data;
};

/* The last connection has sent the page, or is closed. */
static void on_sent(void *arg)
{
	struct otr_scrape_page *page = arg;
	struct otr_scrape_pages *all = page->pages;

	all->kinds[page->format][page->is_gzip].sent--;
	if (all->kinds[page->format][page->is_gzip].newest == page)
		all->kinds[page->format][page->is_gzip].newest = NULL;
	free(page->data);
	free(page);
}

static void describe(struct MHD_Response *rsp, enum otr_page format, bool is_gzip)
{
	static const char *const types[] = {
		[OTR_PAGE_PLAIN] = "text/plain; version=0.0.4; charset=utf-8",
		[OTR_PAGE_OPENMETRICS] =
			"application/openmetrics-text; version=1.0.0; charset=utf-8",
	};

	MHD_add_response_header(rsp, "Content-Type", types[format]);
	if (is_gzip)
		MHD_add_response_header(rsp, "Content-Encoding", "gzip");
}

static int write_text(struct otr_scrape_pages *all, struct otr_buf *out, enum otr_page format,
		      bool is_gzip)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf plain = {0};
	int rc;

	if (!is_gzip)
		return all->write(all->arg, out, format);
	rc = all->write(all->arg, &plain, format);
	return rc ? rc : otr_gzip(&all->gz, out, otr_buf_view(&plain));
}

/* Makes a response of the text, which it takes over. NULL: out of memory. */
static struct otr_scrape_page *wrap(struct otr_scrape_pages *all, struct otr_buf *text)
{
	struct otr_scrape_page *page = calloc(1, sizeof(*page));
	char *data = page ? realloc(text->data, text->len + 1) : NULL; /* buffers double */

	if (data)
		text->data = data;
	if (page)
		page->rsp = MHD_create_response_from_buffer_with_free_callback_cls(
			text->len, text->data, on_sent, page);
	if (!page || !page->rsp) {
		free(page);
		return NULL;
	}
	page->pages = all;
	page->data = text->data;
	memset(text, 0, sizeof(*text));
	return page;
}

static struct otr_scrape_page *make(struct otr_scrape_pages *all, enum otr_page format,
				    bool is_gzip)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	struct otr_scrape_page *page;

	if (write_text(all, &text, format, is_gzip))
		return NULL;
	page = wrap(all, &text);
	if (!page)
		return NULL;
	page->format = format;
	page->is_gzip = is_gzip;
	describe(page->rsp, format, is_gzip);
	all->kinds[format][is_gzip].newest = page;
	all->kinds[format][is_gzip].sent++;
	return page;
}

int otr_scrape_send(struct otr_scrape_pages *pages, struct MHD_Connection *con,
		    enum otr_page format, bool is_gzip)
{
	struct otr_scrape_page *page = pages->kinds[format][is_gzip].newest;
	bool is_new = !page || pages->kinds[format][is_gzip].sent < SENT_MAX;
	struct MHD_Response *rsp;
	enum MHD_Result rc;

	if (is_new)
		page = make(pages, format, is_gzip);
	if (!page)
		return -ENOMEM;
	rsp = page->rsp;
	rc = MHD_queue_response(con, MHD_HTTP_OK, rsp);
	if (is_new)
		MHD_destroy_response(rsp); /* the connection holds it now */
	return (int)rc;
}

void otr_scrape_pages_fini(struct otr_scrape_pages *pages)
{
	otr_gzip_fini(&pages->gz);
}
