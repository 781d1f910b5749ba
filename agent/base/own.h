/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_OWN_H
#define OTR_OWN_H

/* own.h - locals that own something: it is released when they go out of scope, or moved by
 * OTR_TAKE(). */

#define OTR_AUTO(fini) __attribute__((cleanup(fini)))

/* Gives what `p` owns to the caller; `p` owns nothing any more. */
#define OTR_TAKE(p)                     \
	({                              \
		__typeof__(p) p_ = (p); \
		(p) = NULL;             \
		p_;                     \
	})

#define OTR_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The number of a macro as text, for a help that names it. */
#define OTR_TEXT(macro)	 OTR_TEXT_OF(macro)
#define OTR_TEXT_OF(num) #num

#endif /* OTR_OWN_H */
