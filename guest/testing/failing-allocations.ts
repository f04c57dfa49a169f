// SPDX-License-Identifier: MIT
/** Which allocations can be made to fail: the filters of failslab and fail_page_alloc (lib/fault-inject.c). */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { kernel } from './kernel.ts'

const debugfs = '/sys/kernel/debug'

/** The kernel's functions that they are made in: net/netlink/af_netlink.c, init/main.c, kernel/module/main.c. */
export const surroundings = {
  netlink: ['netlink_create', 'netlink_setsockopt', 'netlink_sendmsg', 'netlink_recvmsg'],
  init: ['do_one_initcall'],
  exit: ['__do_sys_delete_module', '__x64_sys_delete_module', '__arm64_sys_delete_module'],
} as const

/** A range of addresses, in hexadecimal digits. */
interface Range {
  readonly start: string
  readonly end: string
}

let symbols: string | undefined

/**
 * The addresses of a function; undefined if the kernel has none of that name, or the compiler has inlined it.
 * /proc/kallsyms has the kernel's own symbols in the order of their addresses, then those of modules.
 */
function addressesOf(name: string): Range | undefined {
  // It has a hundred thousand lines, and a debug kernel is slow: it is read once, and not taken apart.
  symbols ??= readFileSync('/proc/kallsyms', 'latin1')
  const at = Math.max(symbols.indexOf(` t ${name}\n`), symbols.indexOf(` T ${name}\n`))
  if (at < 0) return undefined
  const addressAt = (line: number) => symbols?.slice(line, symbols.indexOf(' ', line)) ?? ''
  const lineAfter = (place: number) => (symbols?.indexOf('\n', place) ?? 0) + 1
  const start = addressAt(symbols.lastIndexOf('\n', at) + 1)
  let next = lineAfter(at)
  while (addressAt(next) === start) next = lineAfter(next)
  return { start, end: addressAt(next) }
}

/** From the first of these functions to the end of the last one; undefined if the kernel has none of them. */
function addressesOfAll(names: readonly string[]): Range | undefined {
  const ranges = names.flatMap(name => addressesOf(name) ?? [])
  // Of the same length, and so in order as texts.
  const [start] = ranges.map(range => range.start).sort()
  const end = ranges
    .map(range => range.end)
    .sort()
    .at(-1)
  return start === undefined || end === undefined ? undefined : { start, end }
}

/** Those of the first of these functions that is there. */
function addressesOfFirst(names: readonly string[]): Range | undefined {
  for (const name of names) {
    const range = addressesOf(name)
    if (range !== undefined) return range
  }
  return undefined
}

/**
 * What makes allocations of its own for each of the work's: kmemleak's notes of objects (mm/kmemleak.c), and
 * pages for objects (mm/slub.c). They come or not by what was before, and do without.
 */
const helpers = {
  failslab: ['__create_object', 'create_object', '__alloc_object', 'mem_pool_alloc'],
  fail_page_alloc: ['allocate_slab', 'new_slab', '___slab_alloc'],
} as const

/** Selects allocations below calls of these functions, those that may wait for memory included. */
export function select(of: keyof typeof surroundings): void {
  const within = addressesOfAll(surroundings[of])
  if (within === undefined)
    throw new Error(`/proc/kallsyms of ${kernel.release} has none of ${surroundings[of].join(', ')}`)
  for (const [kind, names] of Object.entries(helpers)) {
    if (!existsSync(`${debugfs}/${kind}`)) continue
    const without = addressesOfFirst(names)
    const settings: Readonly<Record<string, string>> = {
      'require-start': `0x${within.start}`,
      'require-end': `0x${within.end}`,
      'reject-start': `0x${without?.start ?? '0'}`,
      'reject-end': `0x${without?.end ?? '0'}`,
      'ignore-gfp-wait': 'N',
      'stacktrace-depth': '32',
      verbose: '2',
      ...(kind === 'fail_page_alloc' && { 'min-order': '0', 'ignore-gfp-highmem': 'N' }),
    }
    for (const [name, value] of Object.entries(settings)) writeFileSync(`${debugfs}/${kind}/${name}`, value)
  }
}
