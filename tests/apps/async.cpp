/* SPDX-License-Identifier: Apache-2.0 */
/*
 * async.cpp - a C++ server whose threads ask by std::async(std::launch::async)
 * (accuracy tests).
 *
 *	async PORT BACKPORT      a new thread per request GET /call?id=N asks BACKPORT
 */
#include <arpa/inet.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <string>
#include <thread>
#include <unistd.h>

static sockaddr_in back;

/* Reads a whole message: its head, and the body, whose length is Content-Length. "": the
 * connection has ended. */
static std::string read_message(int fd)
{
	std::string text;
	char buf[4096];

	for (;;) {
		size_t head = text.find("\r\n\r\n");

		if (head != std::string::npos) {
			const char *len = strcasestr(text.c_str(), "content-length:");
			size_t body = len ? strtoul(len + 15, NULL, 10) : 0;

			if (text.size() >= head + 4 + body)
				return text;
		}
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n <= 0)
			return "";
		text.append(buf, n);
	}
}

static int ask(const std::string &id)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	std::string text =
		"GET /price?id=" + id + " HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n";
	bool ok = !connect(fd, reinterpret_cast<sockaddr *>(&back), sizeof(back)) &&
		  write(fd, text.data(), text.size()) == (ssize_t)text.size() &&
		  !read_message(fd).empty();

	close(fd);
	return ok;
}

static void serve(int fd)
{
	static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
	static const char bad[] = "HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n";

	for (;;) {
		std::string text = read_message(fd);
		size_t at = text.find("id=");

		if (text.empty())
			break;
		std::string id = at == std::string::npos ? "0" : text.substr(at + 3);
		id.resize(strcspn(id.c_str(), " \r\n"));
		const char *said = std::async(std::launch::async, ask, id).get() ? good : bad;

		if (write(fd, said, strlen(said)) < 0)
			break;
	}
	close(fd);
}

int main(int argc, char **argv)
{
	sockaddr_in at = {};
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;

	if (argc != 3)
		return 2;
	at.sin_family = back.sin_family = AF_INET;
	at.sin_addr.s_addr = back.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	at.sin_port = htons(atoi(argv[1]));
	back.sin_port = htons(atoi(argv[2]));
	if (bind(listener, reinterpret_cast<sockaddr *>(&at), sizeof(at)) ||
	    listen(listener, 128)) {
		perror("listen");
		return 1;
	}
	while ((fd = accept(listener, NULL, NULL)) >= 0)
		std::thread(serve, fd).detach();
	return 0;
}
