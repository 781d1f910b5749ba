/* SPDX-License-Identifier: Apache-2.0 */
/* env_lists.c - lists of hosts and of programs; see env_lists.h. */

#include "preload/parse/env_lists.h"

#include <fnmatch.h>
#include <string.h>

#include "bpf/sample.h"

#define TERM_MAX 256 /* bytes of a term; a rule with a longer one matches nothing */

void otr_hosts_read(struct otr_ring_hosts *hosts, const char *list)
{
	size_t len;

	for (; list && *list; list += len + (list[len] == ';')) {
		len = strcspn(list, ";");
		if (!len || len >= OTR_RING_HOST || hosts->n >= OTR_RING_HOSTS)
			continue;
		memcpy(hosts->name[hosts->n], list, len);
		hosts->name[hosts->n++][len] = 0;
	}
}

/* A host name or address, and its port: the number after the last colon outside of brackets (0:
 * none). */
struct host_port {
	const char *name;
	size_t len;
	unsigned int port;
};

static struct host_port read_host(const char *text, size_t len)
{
	struct host_port p = {text, len, 0};
	size_t colon = len;
	unsigned int port = 0;

	while (colon && text[colon - 1] >= '0' && text[colon - 1] <= '9')
		colon--;
	if (!colon || text[colon - 1] != ':' || memchr(text + colon, ']', len - colon))
		return p;
	for (size_t i = colon; i < len && port < 65536; i++)
		port = port * 10 + (unsigned int)(text[i] - '0');
	p.len = colon - 1;
	p.port = port;
	return p;
}

/* Are these equal, in upper or lower case? */
static int same(const char *a, const char *b, size_t len)
{
	char x, y;

	for (size_t i = 0; i < len; i++) {
		x = a[i] >= 'A' && a[i] <= 'Z' ? (char)(a[i] | 0x20) : a[i];
		y = b[i] >= 'A' && b[i] <= 'Z' ? (char)(b[i] | 0x20) : b[i];
		if (x != y)
			return 0;
	}
	return 1;
}

/* Does `pattern`, which may begin with *, match `host`? */
static int matches(const struct host_port *pattern, const struct host_port *host)
{
	size_t len = pattern->len, skip;

	if (pattern->port && pattern->port != host->port)
		return 0;
	if (len < 2 || pattern->name[0] != '*')
		return len == host->len && same(pattern->name, host->name, len);
	skip = host->len - (len - 1);
	return host->len > len - 1 && same(pattern->name + 1, host->name + skip, len - 1);
}

int otr_hosts_have(const struct otr_ring_hosts *hosts, const char *host, size_t len,
		   unsigned int port)
{
	uint32_t n = __atomic_load_n(&hosts->n, __ATOMIC_ACQUIRE);
	struct host_port wanted = read_host(host, len), row;

	if (!wanted.port)
		wanted.port = port;
	if (wanted.len && wanted.name[wanted.len - 1] == '.')
		wanted.len--; /* a name with a dot at its end is the same name */
	for (uint32_t i = 0; i < n && i < OTR_RING_HOSTS; i++) {
		row = read_host(hosts->name[i], strnlen(hosts->name[i], OTR_RING_HOST));
		if (matches(&row, &wanted))
			return 1;
	}
	return 0;
}

/* One rule of OTRACE_RULE. */
struct rule {
	int fits;   /* 1: exe= and cmd= match this program */
	int off;    /* 1: mode=off */
	int others; /* 1: it has terms that only the agent knows */
	int has_mode, has_sample, has_share;
	uint64_t threshold; /* of sample=SHARE (bpf/sample.h) */
};

static int begins(const char *term, const char *key)
{
	return !strncmp(term, key, strlen(key));
}

static void read_term(struct rule *r, const char *term, const char *exe, const char *cmd)
{
	if (begins(term, "exe="))
		r->fits &= !fnmatch(term + 4, exe, 0);
	else if (begins(term, "cmd="))
		r->fits &= !fnmatch(term + 4, cmd, 0);
	else if (begins(term, "mode=")) {
		r->off = !strcmp(term + 5, "off");
		r->has_mode = 1;
	} else if (begins(term, "sample=")) {
		r->has_sample = 1; /* if it is a limit, the agent applies it */
		r->has_share = otr_sample_share(term + 7, strlen(term + 7), &r->threshold);
	} else
		r->others = 1;
}

static struct rule read_rule(const char *text, size_t len, const char *exe, const char *cmd)
{
	struct rule r = {.fits = 1};
	char term[TERM_MAX];
	size_t n;

	for (const char *end = text + len; text < end; text += n + 1) {
		for (n = 0; text + n < end && text[n] != ','; n++)
			;
		r.others |= n >= sizeof(term);
		if (!n || n >= sizeof(term))
			continue;
		memcpy(term, text, n);
		term[n] = 0;
		read_term(&r, term, exe, cmd);
	}
	return r;
}

int otr_rules_refuse(const char *rules, const char *exe, const char *cmd, uint64_t *threshold)
{
	struct rule r;
	int off = 0;
	size_t len;

	for (; rules && *rules; rules += len + (rules[len] == ';')) {
		len = strcspn(rules, ";");
		r = read_rule(rules, len, exe, cmd);
		if (!len || !r.fits || r.others)
			continue;
		if (r.has_mode || !r.has_sample) /* a rule with sample= alone sets no mode */
			off = r.off;
		if (r.has_share)
			*threshold = r.threshold;
	}
	return off;
}
