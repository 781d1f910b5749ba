// SPDX-License-Identifier: Apache-2.0
// deepbind.c LIBRARY URL CA - opens the library as PHP opens extensions, and calls its ask().

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	void *lib = dlopen(argv[1], RTLD_LAZY | RTLD_GLOBAL | RTLD_DEEPBIND);
	int (*ask)(const char *, const char *) = lib ? dlsym(lib, "ask") : NULL;

	if (argc < 4 || !ask) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	return ask(argv[2], argv[3]);
}
