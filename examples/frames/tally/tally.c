// SPDX-License-Identifier: GPL-2.0-only
/* tally - a count that other modules share */
#include <linux/atomic.h>
#include <linux/module.h>

#include "tally.h"

static atomic_t tally = ATOMIC_INIT(0);

unsigned int tally_add(void)
{
	return atomic_inc_return(&tally);
}
EXPORT_SYMBOL_GPL(tally_add);

MODULE_DESCRIPTION("A count that other modules share");
MODULE_LICENSE("GPL");
