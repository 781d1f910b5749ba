/* SPDX-License-Identifier: Apache-2.0 */
/* iov.c - parts of a list of pieces; see iov.h. */

#include "preload/parse/iov.h"

int otr_iov_first(struct iovec *out, const struct iovec *iov, int n, size_t len)
{
	int got = 0;

	for (; n && len && got < OTR_PIECES; iov++, n--) {
		out[got] = *iov;
		if (out[got].iov_len > len)
			out[got].iov_len = len;
		len -= out[got].iov_len;
		got += out[got].iov_len > 0;
	}
	return got;
}

int otr_iov_after(struct iovec *out, const struct iovec *iov, int n, size_t len)
{
	int got = 0;

	for (; n; iov++, n--) {
		if (len >= iov->iov_len) {
			len -= iov->iov_len;
			continue;
		}
		out[got++] = (struct iovec){(char *)iov->iov_base + len, iov->iov_len - len};
		len = 0;
	}
	return got;
}
