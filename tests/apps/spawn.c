/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn.c - every way to start a program: spawn HOW FILE [ARG..]; prints what went wrong as
 * a number.
 */

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int spawned(int search, char **argv)
{
	pid_t pid;
	int rc = (search ? posix_spawnp : posix_spawn)(&pid, argv[0], NULL, NULL, argv, environ);
	int status = 0;

	if (rc) {
		printf("%d\n", rc);
		return 1;
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[1] : "";
	char *file = argc > 2 ? argv[2] : "", **args = argv + 2;

	if (!strcmp(how, "spawn") || !strcmp(how, "spawnp"))
		return spawned(how[5] == 'p', args);
	if (!strcmp(how, "execv"))
		execv(file, args);
	else if (!strcmp(how, "execve"))
		execve(file, args, environ);
	else if (!strcmp(how, "execvp"))
		execvp(file, args);
	else if (!strcmp(how, "execvpe"))
		execvpe(file, args, environ);
	else if (!strcmp(how, "execl"))
		execl(file, file, args[1], NULL);
	else if (!strcmp(how, "execlp"))
		execlp(file, file, args[1], NULL);
	else if (!strcmp(how, "execle"))
		execle(file, file, args[1], NULL, environ);
	else if (!strcmp(how, "fexecve"))
		fexecve(open(file, O_RDONLY | O_CLOEXEC), args, environ);
	printf("%d\n", errno);
	return 1;
}
