/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PARSER_SETTINGS_H
#define OTR_PARSER_SETTINGS_H

/* parser_settings.h - from the options of a command to the settings of the parsers. */

struct otr_err;
struct otr_proto_settings;
struct otr_settings;

/* Fills in `out` from the options and from OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS. `out` borrows
 * texts of both, so `cfg` must outlive it. Returns 0, or -EINVAL with the wrong option in
 * `err`. */
int otr_parser_settings_read(struct otr_proto_settings *out, const struct otr_settings *cfg,
			     struct otr_err *err);

/* As `check` of struct otr_option: are the propagators of the list known? */
int otr_propagators_check(const char *text, const char *from, struct otr_err *err);

#endif /* OTR_PARSER_SETTINGS_H */
