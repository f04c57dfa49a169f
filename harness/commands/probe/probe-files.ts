// SPDX-License-Identifier: MIT
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { cacheRoot } from '../../base/cache-root.ts'
import { isLeased, lease } from '../../base/leases.ts'
import type { ProbedFamily } from './probed-families.ts'

/** A test file to write. */
export interface ProbeFile {
  /** Relative to the project's folder: the same at each run, for reports and shards. */
  readonly path: string
  readonly content: string
}

/** The test files of families. Several modules may have one of the same name: each has a folder then. */
export function filesOfAll(
  families: readonly ProbedFamily[],
  folder: string,
  options: { faults?: boolean } = {},
): ProbeFile[] {
  return families.flatMap(family => {
    const isShared = families.some(each => each !== family && each.name === family.name)
    return probeFiles(family, folder, { ...options, isShared })
  })
}

/**
 * The test files of a family. Each command has one, and thereby a guest of its own: where one breaks the
 * kernel, the others still have their verdicts.
 * @param folder relative to the project
 * @param options `isShared`: others have a family of that name as well
 */
export function probeFiles(
  { name, modules, commands, specification }: ProbedFamily,
  folder: string,
  { faults = false, isShared = false }: { faults?: boolean; isShared?: boolean } = {},
): ProbeFile[] {
  const own = isShared ? [fileName(name), ...modules].join('.') : fileName(name)
  const parts = commands === undefined ? [undefined] : [...commands, 'family' as const, 'lifetime' as const]
  const module = modules.length > 0 && { module: modules }
  const files = parts.map(part => {
    const title = typeof part === 'number' ? `command-${part}` : (part ?? 'family')
    const options = { ...module, ...(part !== undefined && { parts: [part] }) }
    return { title, options }
  })
  const more = faults ? [{ title: 'allocations', options: { ...module, faults } }] : []
  return [...files, ...more].map(({ title, options }) => ({
    path: path.join(folder, own, `${title}.test.ts`),
    content: contentOf(name, options, specification),
  }))
}

function contentOf(name: string, options: object, specification: string | undefined): string {
  const given = JSON.stringify(options)
  return specification === undefined
    ? `import { describeFamily } from 'netlink-vmtest/testing'

describeFamily(${JSON.stringify(name)}, ${given})
`
    : `import { describeFamily } from 'netlink-vmtest/testing'
import { parseSpecification } from 'netlink-vmtest/ynl'

const spec = parseSpecification(${JSON.stringify(specification)})

describeFamily(${JSON.stringify(name)}, { ...${given}, spec })
`
}

/** A family's name may have any bytes. */
function fileName(name: string): string {
  return encodeURIComponent(name).replaceAll('.', '%2E')
}

/** A folder for test files, of this process alone, which is removed with it. */
export class ProbeFolder implements Disposable {
  /** Relative to a project: `.netlink-vmtest/probe`, or `probe-2` while another run has that. */
  readonly path: string
  readonly #roots: readonly string[]
  readonly #endLeases: readonly (() => void)[]
  readonly #remove = () => this[Symbol.dispose]()

  private constructor(name: string, roots: readonly string[], endLeases: readonly (() => void)[]) {
    this.path = name
    this.#roots = roots
    this.#endLeases = endLeases
    // A signal ends this process by process.exit().
    process.once('exit', this.#remove)
  }

  /** The first folder that no other run has in any of these projects. */
  static claim(...roots: readonly string[]): ProbeFolder {
    for (let number = 1; ; number++) {
      const name = path.join('.netlink-vmtest', number === 1 ? 'probe' : `probe-${number}`)
      const endLeases = claimAll(roots.map(root => path.join(root, name)))
      if (endLeases !== undefined) return new ProbeFolder(name, roots, endLeases)
    }
  }

  /** @param root one of its projects, in which Vitest finds them */
  write(root: string, files: readonly ProbeFile[]): void {
    for (const { path: name, content } of files) {
      const file = path.join(root, name)
      mkdirSync(path.dirname(file), { recursive: true })
      writeFileSync(file, content)
    }
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#remove)
    for (const root of this.#roots) rmSync(path.join(root, this.path), { recursive: true, force: true })
    for (const end of this.#endLeases) end()
  }
}

/** Makes all these folders, or none. @returns what ends their leases */
function claimAll(folders: readonly string[]): (() => void)[] | undefined {
  const ends: (() => void)[] = []
  for (const folder of folders) {
    const end = claimOne(folder)
    if (end !== undefined) {
      ends.push(end)
      continue
    }
    for (const mine of folders.slice(0, ends.length)) rmSync(mine, { recursive: true, force: true })
    for (const each of ends) each()
    return undefined
  }
  return ends
}

function claimOne(folder: string): (() => void) | undefined {
  if (isLeased(cacheRoot(), folder)) return undefined
  // A run that was killed has left it.
  if (existsSync(folder)) rmSync(folder, { recursive: true, force: true })
  const end = lease(cacheRoot(), folder)
  try {
    mkdirSync(path.dirname(folder), { recursive: true })
    mkdirSync(folder)
    return end
  } catch (error) {
    end()
    // Another run has made it just now.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  }
}
