// SPDX-License-Identifier: MIT
/** The flags of /proc/sys/kernel/tainted (Documentation/admin-guide/tainted-kernels.rst), from bit 0 on. */
const flags = [
  ['P', 'a proprietary module was loaded'],
  ['F', 'a module was force loaded'],
  ['S', 'the hardware is out of specification'],
  ['R', 'a module was force unloaded'],
  ['M', 'the processor reported a machine check'],
  ['B', 'a bad page or slab object was found'],
  ['U', 'a program asked for it'],
  ['D', 'the kernel has died (oops or BUG)'],
  ['A', 'an ACPI table was overridden'],
  ['W', 'the kernel warned'],
  ['C', 'a staging driver was loaded'],
  ['I', 'a firmware bug was worked around'],
  ['O', 'an out-of-tree module was loaded'],
  ['E', 'an unsigned module was loaded'],
  ['L', 'a soft lockup occurred'],
  ['K', 'the kernel was live patched'],
  ['X', 'auxiliary'],
  ['T', 'the kernel has a randomised structure layout'],
  ['N', 'an in-kernel test was run'],
  ['J', 'a firmware control call was made'],
] as const

/** The flag that KUnit leaves, from 6.0 on (TAINT_TEST). */
export const testTaint = 18

/** The flags of a loaded module under test: out of tree, and unsigned with CONFIG_MODULE_SIG. */
const baseline = new Set([12, 13])

/**
 * What new taint flags mean; undefined if each is in the baseline or explained by a report.
 * @param taint the new flags
 */
export function explainTaint(taint: number, explained: ReadonlySet<number>): string | undefined {
  const extra = bitsOf(taint).filter(bit => !baseline.has(bit) && !explained.has(bit))
  if (extra.length === 0) return undefined
  const named = extra.map(bit => {
    const [letter, meaning] = flags[bit] ?? ['?', `flag ${bit}`]
    return `${letter} (${2 ** bit}): ${meaning}`
  })
  return `the kernel was tainted in the time of this file, and its log does not say by what: ${named.join('; ')}`
}

function bitsOf(taint: number): number[] {
  return Array.from({ length: 31 }, (_, bit) => bit).filter(bit => Math.floor(taint / 2 ** bit) % 2 === 1)
}
