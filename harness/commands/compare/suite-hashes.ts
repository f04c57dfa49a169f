// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Unit } from '../../compare/comparison.ts'
import { suitesKey } from '../../compare/sides.ts'
import type { PreparedSide } from './prepared-side.ts'

/** Hashes of test files by name; '': of all that they may read, where git knows. */
export async function suiteHashes(
  side: PreparedSide,
  units: readonly Unit[],
): Promise<Record<string, string>> {
  const all = await suitesKey(side.opened).catch(() => undefined)
  const names = [...new Set(units.map(({ file }) => file))]
  const hashes = names.map(name => {
    const content = readFileSync(path.join(side.root, name))
    return [name, createHash('sha256').update(content).digest('hex')]
  })
  return Object.fromEntries([...(all === undefined ? [] : [['', all]]), ...hashes])
}
