// SPDX-License-Identifier: MIT
/**
 * Files that tests read: `new URL('./fixture.txt', import.meta.url)` names a path of this machine. So what lies
 * beside a test file, and beside each module that it imports, is at the same path in its guest.
 */
import { existsSync, readdirSync, realpathSync, type Stats, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Guest } from '../guest/guest.ts'
import { deliverCopies, type HostItem } from '../guest/host-files.ts'
import { filesOf, type RpcRequest, type TaskPack } from './messages.ts'
import { filesOfCommonJs } from './packages.ts'

/** Most that is brought from one folder, with all below it: bytes, and files with folders. */
export const most = { bytes: 8 * 1024 ** 2, files: 1_000 }

/** Folders that hold no files of tests: packages, and those of tools (.git). */
const leftOut = /^(node_modules|\..*)$/

/** Modules, whose code comes from Vite. */
const typeScript = /\.[cm]?tsx?$/

/** Brings what the modules of one test file need besides their code into its guest. */
export class FilesBeside {
  readonly #guest: Guest
  /** Vite names files below it relative to it. */
  readonly #root: string
  /** The folders that were brought, and those that are too large. */
  readonly #folders = new Map<string, 'brought' | 'too large'>()
  /** Places of files of packages that were brought. */
  readonly #ofPackages = new Set<string>()
  #bringing = Promise.resolve()

  constructor(guest: Guest, root: string) {
    this.#guest = guest
    this.#root = root
  }

  /**
   * Brings what lies beside a module that the test file fetches, or the files of a CommonJS package.
   * @returns undefined if all is there already; else it resolves to the URL by which the guest loads a file of a
   *   CommonJS package, and to undefined for a module whose code comes from Vite
   */
  needed(id: string): Promise<string | undefined> | undefined {
    const file = fileOf(id, this.#root)
    if (file === undefined) return undefined
    if (/\/node_modules\//.test(file)) return this.#package(file)
    const folder = path.dirname(file)
    // What an import fetched before has begun may not be there yet.
    if (this.#isBrought(folder)) return this.#bring([])
    const items = itemsBelow(folder)
    this.#folders.set(folder, items ? 'brought' : 'too large')
    return this.#bring(items ?? [])
  }

  async #package(file: string): Promise<string | undefined> {
    const items = await filesOfCommonJs(file)
    if (!items) return undefined
    const fresh = items.filter(({ place }) => !this.#ofPackages.has(place.toString()))
    for (const { place } of fresh) this.#ofPackages.add(place.toString())
    await this.#bring(fresh)
    return pathToFileURL(file).href
  }

  async #bring(items: readonly HostItem[]): Promise<undefined> {
    this.#bringing = this.#bringing.then(() => deliverCopies(this.#guest, items, leaveOut))
    await this.#bringing
    return undefined
  }

  #isBrought(folder: string): boolean {
    if (this.#folders.has(folder)) return true
    for (let above = path.dirname(folder); above !== path.dirname(above); above = path.dirname(above))
      if (this.#folders.get(above) === 'brought' && !leftOutBetween(above, folder)) return true
    return false
  }
}

/** A test that reads what this user may not read, or what has just been removed, is told that it is not there. */
function leaveOut(): void {}

function leftOutBetween(above: string, folder: string): boolean {
  return path
    .relative(above, folder)
    .split(path.sep)
    .some(name => leftOut.test(name))
}

/** The file of a module as Vite names it. */
function fileOf(id: string, root: string): string | undefined {
  const named = id.startsWith('file://') ? fileURLToPath(id) : id.replace(/^\/@fs\//, '/')
  const file = named.replace(/[?#].*$/, '')
  return [path.join(root, file), file].find(place => path.isAbsolute(place) && isFile(place))
}

function isFile(place: string): boolean {
  return statSync(place, { throwIfNoEntry: false })?.isFile() === true
}

/**
 * The files and folders below a folder but for TypeScript, at the same paths; undefined if they are more than is
 * brought. Links are followed.
 */
export function itemsBelow(folder: string): HostItem[] | undefined {
  const items: HostItem[] = []
  let bytes = 0
  const collect = (at: Buffer, above: readonly string[]): boolean => {
    for (const name of namesIn(at)) {
      const place = Buffer.concat([at, SLASH, name])
      const status = statusOf(place)
      const [mode, size] = [(status?.mode ?? 0) & 0o7777, status?.size ?? 0]
      if (status?.isDirectory()) {
        const real = realpathSync(place, 'latin1')
        if (leftOut.test(name.toString()) || above.includes(real)) continue
        items.push({ type: 'folder', place, source: place, mode })
        if (!collect(place, [...above, real])) return false
      } else if (status?.isFile() && !typeScript.test(name.toString('latin1'))) {
        items.push({ type: 'file', place, source: place, mode, size })
        bytes += size
      }
      if (items.length > most.files || bytes > most.bytes) return false
    }
    return true
  }
  return collect(Buffer.from(folder), [realpathSync(folder, 'latin1')]) ? items : undefined
}

const SLASH = Buffer.from('/')

/** Names may be no UTF-8. */
function namesIn(folder: Buffer): Buffer[] {
  try {
    return readdirSync(folder, { encoding: 'buffer' }).sort(Buffer.compare)
  } catch {
    return [] // not readable by this user
  }
}

/** Undefined for a dangling link. */
function statusOf(place: Buffer): Stats | undefined {
  return statSync(place, { throwIfNoEntry: false })
}

interface ReadError {
  message: string
  readonly code?: unknown
  readonly path?: unknown
}

/**
 * Adds to errors about missing files how they get into guests, if this machine has them.
 * @param request what the worker tells Vitest; its errors are changed
 */
export function explainMissingFiles(request: RpcRequest, root: string): void {
  const results =
    request.m === 'onTaskUpdate'
      ? (request.a[0] as TaskPack[]).map(([, result]) => result)
      : filesOf(request).map(({ result }) => result)
  for (const error of results.flatMap(result => result?.errors ?? []) as ReadError[]) {
    if (error.code !== 'ENOENT' || typeof error.path !== 'string') continue
    const file = path.resolve(root, error.path)
    if (!existsSync(file) || error.message.includes(explanation)) continue
    error.message += `\n${path.relative(root, file)} ${explanation} ${most.bytes / 1024 ** 2} MB and ${most.files} files of a folder. Name all else in the configuration: files: ['${path.relative(root, file)}']`
  }
}

const explanation =
  'is on this machine, and not in the guest, which has what lies beside a test file or a module that it imports, but for TypeScript, up to'
