/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONVERSATIONS_H
#define CONVERSATIONS_H

/* conversations.h - what the two ends of conversations.c share. */

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a server does before it is asked: nothing, says "220", says something else; or it calls
 * back, and what it hears then counts. */
enum port {
	PLAIN,
	GREETS_220,
	GREETS,
	CALLS_BACK,
	PORTS
};

#define HOST INADDR_LOOPBACK
#define FTP_HOST \
	(INADDR_LOOPBACK + 1) /* a client that is greeted there gets no header from then on */

#define SEEN 8 /* ways that a library sees; those behind it it does not */
#define WAYS 16

uint32_t rnd(uint32_t below); /* the next random number; a run has a seed */
ssize_t send_by(int way, int fd, const char *text, size_t len);
void die(const char *what);
int listening(struct sockaddr_in *at); /* at any port, which is returned */
int dial(uint32_t host, int port);
int serve(const char *path);

#endif /* CONVERSATIONS_H */
