/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_LAYER_H
#define OTR_LAYER_H

/* layer.h - what is said above a socket: plaintext inside TLS, or calls of libpq. */

#include <stdint.h>

struct otr_fd;
struct otr_self;

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* The state of the topmost layer of `f`: `f` itself, or that of what its bytes carry. */
struct otr_fd *otr_fd_upper(struct otr_fd *f);

/* From now on the bytes of `f` carry `layer` (enum otr_layer), whose state this returns. The
 * state of `f` itself then counts bytes alone. */
struct otr_fd *otr_fd_begin_upper(struct otr_fd *f, uint8_t layer);

/* Is the thread in a call of a TLS library that a wrapper of ours made? */
int otr_tls_inside(const struct otr_self *self);

/* Ciphertext of `f` was sent. Where no wrapper saw its plaintext, no header is put into this
 * connection any more. */
void otr_tls_ciphertext_sent(const struct otr_self *self, struct otr_fd *f);

#pragma GCC visibility pop

#endif /* OTR_LAYER_H */
