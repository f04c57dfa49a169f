/** The kinds of reports that the harness knows (harness/verdict/kinds.ts), as far as tests have reason to name them. */
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

/** How the worker is told, which is in another package than this. */
type Declare = (expected: {
  readonly kind?: string
  readonly pattern?: { readonly source: string; readonly flags: string }
}) => void

/**
 * Declares that the kernel reports something in the time of this test, which would fail otherwise: a WARN that is the answer
 * to a wrong request, say. The test fails when it does not come before its after hooks have ended. All reports that it matches
 * are expected, and no others.
 * @param expected a pattern that some line of the report matches, or the kind of report
 * @throws Error outside of a test
 */
export function expectSplat(expected: RegExp | SplatKind): void {
  const declare = (globalThis as Record<symbol, unknown>)[Symbol.for('netlink-vmtest.expect-splat')] as
    | Declare
    | undefined
  if (!declare) throw new Error('expectSplat() works in guests only (./run-vm.sh)')
  declare(
    expected instanceof RegExp
      ? { pattern: { source: expected.source, flags: expected.flags } }
      : { kind: expected },
  )
}
