/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_LAYER_H
#define OTR_LAYER_H

/* layer.h - the upper layer of a socket: plaintext inside TLS, or calls of libpq. */

#include <stdint.h>

struct otr_fd;
struct otr_self;

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* The state of the messages on `f`: that of its upper layer if there is one, else `f` itself. */
struct otr_fd *otr_fd_upper(struct otr_fd *f);

/* From now on the bytes of `f` carry `layer` (enum otr_layer); returns the state of that layer. The
 * state of `f` itself then counts bytes alone. */
struct otr_fd *otr_fd_begin_upper(struct otr_fd *f, uint8_t layer);

/* Is the thread in a call of a TLS library, made by our wrapper? */
int otr_tls_inside(const struct otr_self *self);

/* After ciphertext of `f` was sent: if no wrapper has seen its plaintext, this connection gets no
 * header any more. */
void otr_tls_ciphertext_sent(const struct otr_self *self, struct otr_fd *f);

#pragma GCC visibility pop

#endif /* OTR_LAYER_H */
