/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TLS_RECORD_H
#define OTR_TLS_RECORD_H

/* tls_record.h - constants of TLS records (RFC 8446 5.1). */

#define OTR_TLS_RECORD 16384 /* bytes of plaintext that one record holds at most */

/* Content types, with which a record begins: change_cipher_spec to application_data. */
#define OTR_TLS_TYPE_FIRST 20
#define OTR_TLS_TYPE_LAST  23

#endif /* OTR_TLS_RECORD_H */
