// SPDX-License-Identifier: Apache-2.0
// h2midway.c PORT URL [new] - an HTTP server whose every answer is what libcurl got from URL
// and the path, by HTTP/2: on one connection for all, or each on a new one. A second thread
// of it does nothing.

#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char body[4096];
static size_t body_len;

static size_t keep(char *from, size_t one, size_t n, void *arg)
{
	(void)arg;
	(void)one;
	if (n < sizeof(body) - body_len) {
		memcpy(body + body_len, from, n);
		body_len += n;
	}
	return n;
}

static void ask(CURL *curl, const char *base, const char *path, int anew)
{
	char url[512];

	snprintf(url, sizeof(url), "%s%s", base, path);
	body_len = 0;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, (long)anew);
	curl_easy_perform(curl);
}

static void serve(int fd, CURL *curl, const char *base, int anew)
{
	char in[4096], head[128], path[256];
	ssize_t n;

	while ((n = recv(fd, in, sizeof(in) - 1, 0)) > 0) {
		in[n] = 0;
		if (sscanf(in, "%*s %255s", path) != 1)
			break;
		ask(curl, base, path, anew);
		n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
			     body_len);
		send(fd, head, (size_t)n, 0);
		send(fd, body, body_len, 0);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((unsigned short)atoi(argv[1])),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int srv = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
	CURL *curl = curl_easy_init();

	setsockopt(srv, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
	if (bind(srv, (struct sockaddr *)&at, sizeof(at)) || listen(srv, 64))
		return 1;
	for (;;)
		serve(accept(srv, NULL, NULL), curl, argv[2], argc > 3);
}
