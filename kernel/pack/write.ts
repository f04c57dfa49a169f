// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto'
import { createWriteStream, rmSync } from 'node:fs'
import { readFile, rename, stat } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress } from 'node:zlib'
import { Header, Pax } from 'tar'
import { isErrno, MachineryError, messageOf, UsageError } from '../../harness/base/errors.ts'
import type { Progress } from '../../harness/base/progress.ts'
import type { Kernel } from '../kernel.ts'
import { type Contents, contentsOf } from './contents.ts'
import {
  architecture,
  largestFile,
  type Manifest,
  manifestName,
  type PackedFile,
  packFormat,
} from './manifest.ts'

/**
 * zstd's level: a pack is written once and fetched by many; higher levels gain little (docs/measurements.md,
 * Packs).
 */
const compressionLevel = 9

/**
 * Writes a kernel, with all that is needed to run it and to build modules for it, into one file. The same
 * kernel always gives the same bytes.
 * @returns the size of the file in bytes
 * @throws UsageError when the file cannot be written there
 */
export async function packKernel(kernel: Kernel, file: string, progress: Progress): Promise<number> {
  await requireFolder(file)
  // In the same folder, for a rename: the earlier file stays until the new one is complete.
  const draft = `${file}.${process.pid}.tmp`
  // Ctrl-C ends this process at once.
  const clear = () => rmSync(draft, { force: true })
  process.once('exit', clear)
  try {
    return await progress.step(`pack Linux ${kernel.release} into ${file}`, async update => {
      const contents = await contentsOf(kernel)
      const manifest = await manifestOf(kernel, contents, update)
      await pipeline(
        Readable.from(inLargePieces(blocks(manifest, contents, update)), { objectMode: false }),
        createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: compressionLevel } }),
        createWriteStream(draft),
      )
      await rename(draft, file)
      return (await stat(file)).size
    })
  } catch (error) {
    if (isErrno(error, 'ENOSPC')) throw new MachineryError(`no space left for ${file}`)
    if (['EACCES', 'EPERM', 'EROFS', 'EISDIR'].some(code => isErrno(error, code)))
      throw new UsageError(`cannot write the pack ${file}: ${messageOf(error)}`)
    throw error
  } finally {
    process.off('exit', clear)
    clear()
  }
}

async function requireFolder(file: string): Promise<void> {
  const folder = path.dirname(path.resolve(file))
  const status = await stat(folder).catch(() => undefined)
  if (!status?.isDirectory()) throw new UsageError(`there is no folder ${folder} to write the pack into`)
  if ((await stat(file).catch(() => undefined))?.isDirectory())
    throw new UsageError(`${file} is a folder: name the file that the pack is to be`)
}

async function manifestOf(
  kernel: Kernel,
  { files, links, kernel: description }: Contents,
  update: (detail: string) => void,
): Promise<Manifest> {
  const described: [string, PackedFile][] = []
  for (const [place, { file, executable }] of sorted(files)) {
    if (described.length % 1000 === 0) update(`${described.length} of ${files.size} files read`)
    const { size } = await stat(file)
    if (size > largestFile)
      throw new UsageError(
        `${file} is too large for a pack (${Math.round(size / 1e6)} MB): strip it, or leave out its debug information`,
      )
    const content = await readFile(file)
    described.push([
      place,
      { sha256: sha256(content), size: content.length, ...(executable && { executable }) },
    ])
  }
  return {
    format: packFormat,
    architecture,
    label: kernel.label,
    kernel: description,
    files: Object.fromEntries(described),
    links: Object.fromEntries(sorted(links)),
  }
}

/** The archive: manifest, files, links, each with name, mode and contents only. */
async function* blocks(
  manifest: Manifest,
  { files }: Contents,
  update: (detail: string) => void,
): AsyncGenerator<Buffer> {
  const text = Buffer.from(JSON.stringify(manifest))
  yield* entry({ path: manifestName, type: 'File', mode: 0o644, size: text.length })
  yield* padded(text)
  let count = 0
  for (const [place, { size, sha256: packed, executable }] of Object.entries(manifest.files)) {
    if (count++ % 1000 === 0) update(`${count - 1} of ${files.size} files packed`)
    yield* entry({ path: place, type: 'File', mode: executable ? 0o755 : 0o644, size })
    const content = await readFile(files.get(place)?.file ?? '')
    if (sha256(content) !== packed)
      throw new MachineryError(`${files.get(place)?.file} changed while it was packed`)
    yield* padded(content)
  }
  for (const [place, target] of Object.entries(manifest.links))
    yield* entry({ path: place, type: 'SymbolicLink', linkpath: target, mode: 0o777, size: 0 })
  yield Buffer.alloc(2 * BLOCK)
}

/** Joins pieces: most files are small, and each call of the compressor has a cost. */
async function* inLargePieces(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = []
  let length = 0
  for await (const piece of pieces) {
    waiting.push(piece)
    length += piece.length
    if (length < 1 << 20) continue
    yield Buffer.concat(waiting)
    waiting = []
    length = 0
  }
  yield Buffer.concat(waiting)
}

const BLOCK = 512

function* entry(data: ConstructorParameters<typeof Header>[0] & { path: string }): Generator<Buffer> {
  const header = new Header({ ...data, mtime: new Date(0), uid: 0, gid: 0, uname: '', gname: '' })
  header.encode()
  // A pax header, for names too long for the ustar format.
  if (header.needPax)
    yield new Pax({ path: data.path, ...('linkpath' in data && { linkpath: data.linkpath }) }).encode()
  yield header.block ?? Buffer.alloc(0)
}

function* padded(content: Buffer): Generator<Buffer> {
  yield content
  const rest = content.length % BLOCK
  if (rest > 0) yield Buffer.alloc(BLOCK - rest)
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

/** Sorted by code units: the same in every locale. */
function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
}
