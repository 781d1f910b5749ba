/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_OUT_FILE_H
#define OTR_OUT_FILE_H

/*
 * out_file.h - opens what otrace writes: `-o FILE`, `--record FILE`, `--export file:FILE`.
 *
 * otrace often runs as root, and what it writes holds payload of other people's connections.
 * So whatever the name leads to is checked before a byte is written:
 *
 *	new file       mode 0600
 *	regular file   its owner is our effective user, and it has one name only (no hard link);
 *		       its mode becomes 0600 before a byte is written: what was shared before
 *		       does not share what is in it now
 *	FIFO           its owner is our effective user, and somebody reads it
 *	device         a terminal, /dev/null, /dev/zero or /dev/full
 *	symbolic link  never as the last part of a path; on the way there, links of root and of
 *		       our effective user are followed, those of others are refused
 *	our own descriptor (-, /dev/stdout, /dev/stderr, /dev/fd/N, /proc/self/fd/N): a duplicate
 *	all else       refused
 *
 * A stream (traces, lines of OTLP) is emptied in place and appended to, so that a reader that
 * follows it and a second writer lose nothing. A recording replaces the file at once: a new
 * file of mode 0600 is renamed onto the name, and who has the old one open keeps it.
 */

struct otr_err;

#define OTR_OUT_REPLACE	 1u /* a new file takes the name: recordings */
#define OTR_OUT_NONBLOCK 2u /* writes never wait, but to a duplicate of another's descriptor */

/* Opens `path` for writing; `option` is what a person wrote before it, as "-o ".
 * Returns a descriptor (close-on-exec), or -errno and in `err` "OPTIONPATH: reason", or the
 * reason alone where `option` is NULL. */
int otr_out_open(const char *option, const char *path, unsigned int flags, struct otr_err *err);

#endif /* OTR_OUT_FILE_H */
