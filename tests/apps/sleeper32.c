/* SPDX-License-Identifier: Apache-2.0 */
/* sleeper32.c - a 32-bit program that waits for its end; built as client32.c is. */

int pause(void);
void _start(void);

void _start(void)
{
	for (;;)
		pause();
}
