/* SPDX-License-Identifier: GPL-2.0-only */
/* What the module tally exports. */
#ifndef TALLY_H
#define TALLY_H

/* Counts once more, and returns how often that was done. */
unsigned int tally_add(void);

#endif
