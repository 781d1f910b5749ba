// SPDX-License-Identifier: Apache-2.0
// ext.c - a library of deepbind.c: ask(URL, CA) writes what libcurl got there to stdout.

#include <curl/curl.h>

int ask(const char *url, const char *ca)
{
	CURL *curl = curl_easy_init();

	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
	return curl_easy_perform(curl);
}
