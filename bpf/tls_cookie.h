/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_TLS_COOKIE_H
#define OTR_TLS_COOKIE_H

/* tls_cookie.h - how a function of a TLS library is called: the cookie of the probe at its entry.
 * The first three arguments are always the session, the bytes and how many they are. */

enum otr_tls_cookie {
	OTR_TLS_RETURNED = 0, /* the function returns how many bytes it moved */
	OTR_TLS_COUNT_4 = 1,  /* it writes the number to where its fourth argument points */
	OTR_TLS_COUNT_5 = 2,  /* or its fifth */
	OTR_TLS_STEPPED = 4,  /* and: the kernel does not emulate the instruction there */
};

#endif /* OTR_TLS_COOKIE_H */
