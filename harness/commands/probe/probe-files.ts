// SPDX-License-Identifier: MIT
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { cacheRoot } from '../../base/cache.ts'
import { isLeased, lease } from '../../base/leases.ts'
import type { ProbedFamily } from './probed-families.ts'

/** A test file to write. */
export interface ProbeFile {
  /** Relative to the project's folder: the same at each run, for reports and shards. */
  readonly path: string
  readonly content: string
}

const folder = '.netlink-vmtest/probe'

/**
 * The test files of a family. Each command has one, and thereby a guest of its own: where one breaks the
 * kernel, the others still have their verdicts.
 */
export function probeFiles(
  { name, modules, commands, specification }: ProbedFamily,
  { faults = false }: { faults?: boolean } = {},
): ProbeFile[] {
  const parts = commands === undefined ? [undefined] : [...commands, 'family' as const]
  const module = modules.length > 0 && { module: modules }
  const files = parts.map(part => {
    const title = part === undefined || part === 'family' ? 'family' : `command-${part}`
    const options = { ...module, ...(part !== undefined && { parts: [part] }) }
    return probeFile(name, title, options, specification)
  })
  const more = faults ? [probeFile(name, 'allocations', { ...module, faults }, specification)] : []
  return [...files, ...more]
}

function probeFile(
  name: string,
  title: string,
  options: object,
  specification: string | undefined,
): ProbeFile {
  const given = JSON.stringify(options)
  const content =
    specification === undefined
      ? `import { describeFamily } from 'netlink-vmtest/testing'

describeFamily(${JSON.stringify(name)}, ${given})
`
      : `import { describeFamily } from 'netlink-vmtest/testing'
import { parseSpecification } from 'netlink-vmtest/ynl'

const spec = parseSpecification(${JSON.stringify(specification)})

describeFamily(${JSON.stringify(name)}, { ...${given}, spec })
`
  return { path: path.join(folder, fileName(name), `${title}.test.ts`), content }
}

/** A family's name may have any bytes. */
function fileName(name: string): string {
  return encodeURIComponent(name).replaceAll('.', '%2E')
}

/** Test files of this process, which are removed with it unless another one uses them. */
export class WrittenProbe implements Disposable {
  readonly #folder: string
  readonly #endLease: () => void
  readonly #remove = () => this[Symbol.dispose]()

  /** @param root the project's folder, in which Vitest finds them */
  constructor(root: string, files: readonly ProbeFile[]) {
    this.#folder = path.join(root, folder)
    this.#endLease = lease(cacheRoot(), this.#folder)
    // A signal ends this process by process.exit().
    process.once('exit', this.#remove)
    for (const { path: name, content } of files) {
      const file = path.join(root, name)
      mkdirSync(path.dirname(file), { recursive: true })
      writeFileSync(file, content)
    }
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#remove)
    this.#endLease()
    if (!isLeased(cacheRoot(), this.#folder)) rmSync(this.#folder, { recursive: true, force: true })
  }
}
