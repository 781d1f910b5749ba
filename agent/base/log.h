/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_LOG_H
#define OTR_LOG_H

/*
 * log.h - one logfmt line on stderr: what `otrace agent` says as it runs.
 *
 *	ts=2026-01-02T12:04:31.207Z level=info msg="watching 9 services"
 */

enum otr_log_level {
	OTR_LOG_ERROR,
	OTR_LOG_WARN,
	OTR_LOG_INFO,
	OTR_LOG_DEBUG,
};

/* Nothing above `level` is written. Default: OTR_LOG_WARN. */
void otr_log_set(enum otr_log_level level);

/* Thread-safe: one write(2) a line. Control bytes come out escaped. */
void otr_log(enum otr_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif /* OTR_LOG_H */
