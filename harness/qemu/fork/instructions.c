// SPDX-License-Identifier: MIT
/*
 * A program for guests, without any library: prints what the processor's RDRAND
 * and RDSEED give, 64 bits of each in hex, on a line.
 */
#include <asm/unistd.h>

static unsigned long rdrand(void)
{
	unsigned long value;

	asm volatile("1: rdrand %0\n\tjnc 1b" : "=r"(value) : : "cc");
	return value;
}

static unsigned long rdseed(void)
{
	unsigned long value;

	asm volatile("1: rdseed %0\n\tjnc 1b" : "=r"(value) : : "cc");
	return value;
}

static char *put(char *at, unsigned long value, char after)
{
	for (int shift = 60; shift >= 0; shift -= 4)
		*at++ = "0123456789abcdef"[value >> shift & 15];
	*at++ = after;
	return at;
}

void _start(void)
{
	char line[64];
	char *end = put(put(line, rdrand(), ' '), rdseed(), '\n');
	long result = __NR_write;

	asm volatile("syscall" : "+a"(result) : "D"(1L), "S"(line), "d"(end - line)
		     : "rcx", "r11", "memory");
	asm volatile("syscall" : : "a"((long)__NR_exit), "D"(0L) : "rcx", "r11");
	__builtin_unreachable();
}
