// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdir, realpath, stat, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Parser, type ReadEntry } from 'tar'
import { contentKey } from '../../harness/base/cache.ts'
import { isErrno, messageOf, UsageError } from '../../harness/base/errors.ts'
import type { Progress } from '../../harness/base/progress.ts'
import { cachedKernel, sha256, writeDescription } from '../entry.ts'
import type { Kernel } from '../kernel.ts'
import { type Manifest, manifestName, type PackedFile, readManifest } from './manifest.ts'

/** Changes when the layout of an unpacked pack does. */
const layout = '2'

/** Bytes, for many more files than any kernel has. */
const largestManifest = 64 << 20

/**
 * The kernel of a pack, unpacked into the cache. The key is the pack's hash, which is computed each time:
 * quick, and never out of date.
 * @throws UsageError when there is no such file, or it is not a complete and valid pack for this machine
 */
export async function packedKernel(label: string, file: string, progress: Progress): Promise<Kernel> {
  const hash = await hashOf(file)
  return await cachedKernel(label, contentKey([layout, 'pack', hash]), progress, folder =>
    progress.step(`unpack ${file}`, () => unpack(label, file, folder)),
  )
}

async function hashOf(file: string): Promise<string> {
  try {
    return await sha256(file)
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR'))
      throw new UsageError(`there is no pack ${file}`)
    if (isErrno(error, 'EISDIR')) throw new UsageError(`${file} is a folder, not a pack`)
    throw new UsageError(`cannot read the pack ${file}: ${messageOf(error)}`)
  }
}

/**
 * Unpacks a pack into an empty folder. Only files of the manifest are written, at their paths, and only with
 * the right hash.
 */
async function unpack(label: string, file: string, folder: string): Promise<void> {
  const reading = new Reading(file, folder)
  const parser = new Parser({ strict: true, onReadEntry: entry => reading.take(entry) })
  const ended = once(parser, 'end')
  ended.catch(() => {})
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
      parser.write(chunk as Buffer)
      await reading.written()
    }
    parser.end()
    await ended
  } catch (error) {
    // Let pending writes end before the folder is removed.
    await reading.written()
    if (error instanceof UsageError || isErrno(error, 'ENOSPC')) throw error
    throw reading.refused(`it is damaged or cut short (${messageOf(error)})`)
  }
  await reading.written()
  await reading.finish(label)
}

/** The state of reading a pack. */
class Reading {
  readonly #pack: string
  readonly #folder: string
  #manifest: Manifest | undefined
  readonly #seen = new Set<string>()
  readonly #links: [place: string, target: string][] = []
  readonly #writes: Promise<void>[] = []
  #failure: unknown

  constructor(pack: string, folder: string) {
    this.#pack = pack
    this.#folder = folder
  }

  refused(why: string): UsageError {
    return new UsageError(`${this.#pack} is refused: ${why}`)
  }

  /** Takes an entry of the archive, whose contents follow. */
  take(entry: ReadEntry): void {
    const { path: place, type, size } = entry
    try {
      if (this.#failure !== undefined) return
      if (this.#seen.has(place)) throw this.refused(`it has ${place} twice`)
      this.#seen.add(place)
      const isFile = type === 'File' || type === 'OldFile'
      const manifest = this.#manifest
      if (!manifest) {
        if (this.#seen.size > 1 || place !== manifestName || !isFile || size > largestManifest)
          throw this.refused(`it does not begin with a ${manifestName}: build --pack makes packs`)
        this.#whenRead(entry, content => {
          this.#manifest = readManifest(content.toString('utf8'), this.#pack)
        })
        return
      }
      const listed = own(manifest.files, place)
      const link = own(manifest.links, place)
      if (isFile && listed) {
        if (size !== listed.size) throw this.refused(this.#otherContents(place))
        this.#whenRead(entry, content => this.#write(place, listed, content))
      } else if (type === 'SymbolicLink' && link !== undefined && link === entry.linkpath)
        this.#links.push([place, link])
      else throw this.refused(`it has ${place} (${type}), which its manifest does not list as such`)
    } catch (error) {
      // Thrown later by written(): an exception in a listener of the parser does not reach its caller.
      this.#failure = error
    } finally {
      // The parser continues when the entry has been consumed.
      entry.resume()
    }
  }

  #whenRead(entry: ReadEntry, work: (content: Buffer) => Promise<void> | void): void {
    const pieces: Buffer[] = []
    entry.on('data', piece => pieces.push(piece))
    entry.on('end', () => {
      try {
        const content = Buffer.concat(pieces)
        if (content.length !== entry.size) throw this.refused('it was cut short')
        const writing = work(content)
        if (writing) this.#writes.push(writing)
      } catch (error) {
        this.#failure ??= error
      }
    })
  }

  async #write(place: string, listed: PackedFile, content: Buffer): Promise<void> {
    if (createHash('sha256').update(content).digest('hex') !== listed.sha256)
      throw this.refused(this.#otherContents(place))
    const target = path.join(this.#folder, place)
    await mkdir(path.dirname(target), { recursive: true })
    await writeFile(target, content, { mode: listed.executable ? 0o755 : 0o644 })
  }

  #otherContents(place: string): string {
    return `${place} does not have the contents that its manifest says`
  }

  /** Waits until all files read so far are written. @throws UsageError for what was wrong with any of them */
  async written(): Promise<void> {
    const results = await Promise.allSettled(this.#writes.splice(0))
    for (const result of results) if (result.status === 'rejected') this.#failure ??= result.reason
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Makes the links, checks that nothing is missing, and writes the description. */
  async finish(packLabel: string): Promise<void> {
    const manifest = this.#manifest
    if (!manifest) throw this.refused('it is empty: build --pack makes packs')
    const missing = [...Object.keys(manifest.files), ...Object.keys(manifest.links)].find(
      it => !this.#seen.has(it),
    )
    if (missing !== undefined) throw this.refused(`it lacks ${missing}`)
    // Links come last, so that no file is written through one.
    for (const [place, target] of this.#links) {
      const link = path.join(this.#folder, place)
      await mkdir(path.dirname(link), { recursive: true })
      await symlink(target, link)
    }
    // Each link may point inside, and yet a chain of them lead outside.
    const root = await realpath(this.#folder)
    for (const [place, target] of this.#links) {
      const real = await realpath(path.join(this.#folder, place)).catch(() => '')
      if (!real.startsWith(root + path.sep))
        throw this.refused(`the link ${place} points outside of it or to nothing, to ${target}`)
    }
    const { kernel, label } = manifest
    for (const place of [kernel.source, kernel.output, kernel.moduleTree])
      if (
        place !== undefined &&
        !(await stat(path.join(this.#folder, place)).catch(() => undefined))?.isDirectory()
      )
        throw this.refused(`it has no folder ${place}`)
    const origin = `a pack of ${label}: ${kernel.origin}`
    const { packed = { label, origin: kernel.origin } } = kernel
    await writeDescription(this.#folder, { ...kernel, origin, packed }, packLabel)
  }
}

/** Own properties only: a pack may name a file `constructor`. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined
}
