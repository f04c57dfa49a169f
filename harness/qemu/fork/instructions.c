// SPDX-License-Identifier: MIT
/*
 * A program for guests, without any library: prints what the processor's RDRAND
 * and RDSEED give, 64 bits in hex, a line for each that the processor has.
 */
#include <asm/unistd.h>
#include <cpuid.h>

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

static void print(const char *name, unsigned long value)
{
	char line[32];
	char *at = line;
	long result = __NR_write;

	while (*name)
		*at++ = *name++;
	*at++ = ' ';
	for (int shift = 60; shift >= 0; shift -= 4)
		*at++ = "0123456789abcdef"[value >> shift & 15];
	*at++ = '\n';
	asm volatile("syscall" : "+a"(result) : "D"(1L), "S"(line), "d"(at - line)
		     : "rcx", "r11", "memory");
}

void _start(void)
{
	unsigned int a, b, c, d;

	if (__get_cpuid(1, &a, &b, &c, &d) && (c & bit_RDRND))
		print("RDRAND", rdrand());
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_RDSEED))
		print("RDSEED", rdseed());
	asm volatile("syscall" : : "a"((long)__NR_exit), "D"(0L) : "rcx", "r11");
	__builtin_unreachable();
}
