// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { cacheRoot } from '../../harness/base/cache-root.ts'

/** The folders of a build. */
interface BuildFolders {
  /** The copy of the sources. */
  readonly copy: string
  /** The modules' folder in it. */
  readonly work: string
  /** The kernel's. Make runs here up to 6.12, and in `work` from 6.13 on (scripts/Makefile.build). */
  readonly source: string
  readonly output: string
}

/**
 * The absolute paths of files that a build has read outside its own folder: those in kbuild's lists
 * (`.NAME.o.cmd`, written by scripts/basic/fixdep.c) and these makefiles. Files of a cached kernel are left
 * out, because they never change.
 */
export async function filesRead(folders: BuildFolders, makefiles: readonly string[]): Promise<string[]> {
  const own = path.dirname(folders.copy)
  const found = new Set(makefiles)
  for (const { text } of await lists(folders.copy)) for (const file of listedIn(text)) found.add(file)
  return placesOf([...found], folders).filter(file => !isBelow(own, file) && !isOfCache(file))
}

/** An object that a compiler has made. */
export interface Compiled {
  /** Its path. */
  readonly object: string
  /** The files of the copy that were read, relative to it. */
  readonly inputs: readonly string[]
  /** Absolute paths of the others, without those of cached kernels. */
  readonly elsewhere: readonly string[]
}

/** The objects that are there, with all files that the compiler has read for each. */
export async function compiledObjects(folders: BuildFolders): Promise<Compiled[]> {
  return (await lists(folders.copy)).flatMap(({ object, text }) => {
    if (!object.endsWith('.o') || !/^deps_/m.test(text) || !existsSync(object)) return []
    const files = placesOf(listedIn(text), folders)
    const isOwn = (file: string) => isBelow(folders.copy, file)
    const inputs = files.filter(isOwn).map(file => path.relative(folders.copy, file))
    return [{ object, inputs, elsewhere: files.filter(file => !isOwn(file) && !isOfCache(file)) }]
  })
}

/** Kbuild's lists below a folder, with the paths of the objects they are about. */
async function lists(folder: string): Promise<{ object: string; text: string }[]> {
  const found: { object: string; text: string }[] = []
  for (const name of await readdir(folder, { recursive: true })) {
    const [, object] = /^\.([^/]*)\.cmd$/.exec(path.basename(name)) ?? []
    if (object === undefined) continue
    const text = await readFile(path.join(folder, name), 'utf8')
    found.push({ object: path.join(folder, path.dirname(name), object), text })
  }
  return found
}

/**
 * The files that make and compiler name, by absolute paths. A relative name may be that of several: it depends
 * on the kernel's version where make runs.
 */
function placesOf(names: readonly string[], { work, source, output }: BuildFolders): string[] {
  const places = names.flatMap(name => [output, work, source].map(folder => path.resolve(folder, name)))
  return [...new Set(places)].filter(place => existsSync(place))
}

function isOfCache(file: string): boolean {
  return isBelow(path.join(cacheRoot(), 'kernels'), file)
}

/** The files that a `.cmd` names: `source_X := FILE`, and the lines of `deps_X := \`. */
export function listedIn(cmd: string): string[] {
  const sources = [...cmd.matchAll(/^source_\S+ := (\S+)$/gm)].map(match => match[1] as string)
  const dependencies = [...cmd.matchAll(/^ {2}([^\s$]+)(?: \\)?$/gm)].map(match => match[1] as string)
  return [...sources, ...dependencies]
}

/** The makefiles that make has read, by the output of `make --debug=verbose`. */
export function makefilesOf(output: string): string[] {
  return [...output.matchAll(/^ *Reading makefile '([^']+)'/gm)].map(match => match[1] as string)
}

function isBelow(folder: string, file: string): boolean {
  return file.startsWith(`${folder}${path.sep}`)
}
