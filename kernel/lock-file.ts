// SPDX-License-Identifier: MIT
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import * as v from 'valibot'
import { contentKey, locked } from '../harness/base/cache.ts'
import { isErrno, messageOf, UsageError } from '../harness/base/errors.ts'
import type { Package, Resolution } from './debian/packages.ts'

export const lockFileName = 'netlink-vmtest.lock.json'

/** The version of the file's format; a later one is refused. */
const formatVersion = 1

// These words become parts of paths and addresses, and a lock file may come from a stranger's commit.
const word = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9.+~:_-]*$/, 'must be letters, digits and .+~:_-'),
)
const archivePath = v.pipe(
  v.string(),
  v.regex(
    /^[A-Za-z0-9][A-Za-z0-9.+~:_%-]*(\/[A-Za-z0-9][A-Za-z0-9.+~:_%-]*)*$/,
    'must be a path below the archive',
  ),
)

const packageSchema = v.strictObject({
  name: word,
  version: word,
  suite: word,
  archive: v.picklist(['main', 'security']),
  file: archivePath,
  size: v.pipe(v.number(), v.integer(), v.minValue(1)),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits')),
})

/** A resolution's packages, as written here and in the cache. */
export const resolutionSchema = v.strictObject({
  release: word,
  packages: v.pipe(v.array(packageSchema), v.minLength(1)),
})

const fileSchema = v.strictObject({
  version: v.literal(formatVersion, `must be ${formatVersion}: this file was written by another version`),
  kernels: v.record(v.string(), resolutionSchema),
})
type Content = v.InferOutput<typeof fileSchema>

/**
 * A project's lock file: the packages, versions and hashes of each label, to be committed, so that later runs
 * and other machines use the same. It names no host: paths are relative to the archive.
 */
export class LockFile {
  readonly file: string
  /** Whether it is never written: CI checks what was committed. */
  readonly frozen: boolean

  /** @param folder the project's, with netlink-vmtest.config.ts */
  constructor(folder: string, { frozen = isContinuousIntegration() }: { frozen?: boolean } = {}) {
    this.file = path.join(folder, lockFileName)
    this.frozen = frozen
  }

  /**
   * The resolution under this name; undefined if there is none.
   * @throws UsageError that names the file and the key, if it is damaged
   */
  async read(name: string): Promise<Resolution | undefined> {
    return (await this.#load())?.kernels[name]
  }

  /**
   * Writes a resolution under this name and keeps all others: atomically, also beside other processes.
   * @returns whether the file has it now; false if it is frozen or cannot be written
   */
  async write(name: string, { release, packages }: Resolution): Promise<boolean> {
    if (this.frozen) return false
    return await locked(`lock-file-${contentKey([this.file])}`, async () => {
      const kernels = { ...(await this.#load())?.kernels, [name]: { release, packages: packages.map(plain) } }
      const sorted = Object.entries(kernels).sort(([a], [b]) => (a < b ? -1 : 1))
      const content = { version: formatVersion, kernels: Object.fromEntries(sorted) }
      const draft = `${this.file}.${process.pid}`
      try {
        await writeFile(draft, `${JSON.stringify(content, undefined, 2)}\n`)
        await rename(draft, this.file)
        return true
      } catch (error) {
        await rm(draft, { force: true }).catch(() => {})
        if (['EACCES', 'EPERM', 'EROFS', 'ENOSPC'].some(code => isErrno(error, code))) return false
        throw error
      }
    })
  }

  async #load(): Promise<Content | undefined> {
    let text: string
    try {
      text = await readFile(this.file, 'utf8')
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined
      throw new UsageError(`cannot read ${this.file}: ${messageOf(error)}`)
    }
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch (error) {
      throw new UsageError(`${this.file} is damaged: ${messageOf(error)}. ${remedy}`)
    }
    const result = v.safeParse(fileSchema, json)
    if (result.success) return result.output
    const [issue] = result.issues
    throw new UsageError(`${this.file}: ${v.getDotPath(issue) ?? 'it'}: ${issue.message}. ${remedy}`)
  }
}

const remedy = 'Restore it from your version control, or remove it: it is written anew'

/** A package with its properties in a fixed order. */
function plain({ name, version, suite, archive, file, size, sha256 }: Package): Package {
  return { name, version, suite, archive, file, size, sha256 }
}

/** By the variable CI, as npm and Vitest do. */
function isContinuousIntegration(): boolean {
  return !['', '0', 'false'].includes(process.env.CI ?? '')
}
