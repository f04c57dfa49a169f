// SPDX-License-Identifier: MIT
/** The kinds of reports (harness/verdict/kinds.ts) that tests may expect. */
export type SplatKind =
  | 'WARN'
  | 'BUG'
  | 'oops'
  | 'general protection'
  | 'KASAN'
  | 'KFENCE'
  | 'UBSAN'
  | 'lockdep'
  | 'atomic'
  | 'RCU stall'
  | 'soft lockup'
  | 'hung task'
  | 'refcount'
  | 'list corruption'
  | 'netdev'
  | 'slab'
  | 'page allocation'
  | 'out of memory'
  | 'kmemleak'
  | 'lost log'
  | (string & {})

/** The worker's function, which is bundled separately. */
type Declare = (expected: {
  readonly kind?: string
  readonly pattern?: { readonly source: string; readonly flags: string }
}) => void

/**
 * Declares that the kernel reports something during this test, a WARN after a wrong request for instance.
 * Without it the report fails the test. The test also fails if the report does not come before its after
 * hooks have ended. All reports that match are expected, and no others.
 * @param expected a pattern that some line of the report matches, or the kind of report
 * @throws Error outside of a test
 */
export function expectSplat(expected: RegExp | SplatKind): void {
  const declare = (globalThis as Record<symbol, unknown>)[Symbol.for('netlink-vmtest.expect-splat')] as
    | Declare
    | undefined
  if (!declare) throw new Error('expectSplat() works in guests only')
  declare(
    expected instanceof RegExp
      ? { pattern: { source: expected.source, flags: expected.flags } }
      : { kind: expected },
  )
}
