// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { guestPaths } from '../guest/agent/protocol.ts'
import { UsageError } from '../harness/base/errors.ts'
import { findTool, ToolMissing } from '../harness/base/tools.ts'
import type { CpioEntry } from './cpio.ts'
import { nodeBinary } from './dependencies.ts'
import { isElf, isUsualFolder, librariesOf } from './libraries.ts'

/**
 * iproute2, because busybox's `ip` can do far less; and a shell, because that of Debian's busybox prefers its
 * applets to programs on the PATH.
 */
const usual = ['ip', 'dash']

/** The guest's /bin/sh. */
export const shell = `${guestPaths.programs}/dash`

/** A program or library at its place in guests: a file of this machine, or a link. */
export type ProgramFile = { readonly place: string } & (
  | { readonly source: string }
  | { readonly target: string }
)

/** A program whose place in guests is not the usual one. */
export interface PlacedProgram {
  readonly place: string
  readonly source: string
}

/**
 * This machine's programs for guests: in the first folder of the PATH, before busybox's applets, with their
 * shared libraries.
 * @param wanted beside the usual ones, by their names on the PATH, or as paths relative to `folder`
 * @param others programs with places of their own
 * @throws UsageError that names a missing program, or two of one name; ToolMissing for a usual one;
 *   MachineryError for libraries
 */
async function programFiles(
  wanted: readonly string[],
  folder: string,
  others: readonly PlacedProgram[] = [],
): Promise<ProgramFile[]> {
  // By their names in the guest: a project's own `ip` replaces the usual one.
  const files = new Map<string, string>()
  for (const name of usual) {
    const file = onPath(name)
    if (!file) throw new ToolMissing(name)
    files.set(name, file)
  }
  const own = new Map<string, string>()
  for (const name of new Set(wanted)) {
    const file = name.includes('/') ? findTool(path.resolve(folder, name)) : onPath(name)
    if (!file) {
      const where = name.includes('/') ? 'no executable file' : "on nobody's PATH on this machine"
      throw new UsageError(`image.programs: ${name} is ${where}: correct its name, or install it`)
    }
    const other = own.get(path.basename(file))
    if (other !== undefined)
      throw new UsageError(`image.programs: ${other} and ${name} have one name in guests: rename one of them`)
    own.set(path.basename(file), name)
    files.set(path.basename(file), file)
  }
  const sources = [...files.values(), ...others.map(({ source }) => source)]
  const libraries = await Promise.all(sources.filter(isElf).map(librariesOf))
  return [
    ...others,
    ...[...files].map(([name, source]) => ({ place: `${guestPaths.programs}/${name}`, source })),
    ...[...new Set(libraries.flat())].sort().flatMap(library => [
      { place: library, source: library },
      // where the guest's loader finds it without an ld.so.cache
      ...(isUsualFolder(path.dirname(library))
        ? []
        : [{ place: `/usr/lib/${path.basename(library)}`, target: library }]),
    ]),
  ]
}

/** All programs of guests, as {@link programFiles}, with their content. */
export async function hostPrograms(wanted: readonly string[], folder: string): Promise<CpioEntry[]> {
  return (await programFiles(wanted, folder)).map(file => {
    const at = file.place.slice(1)
    return 'target' in file
      ? { type: 'link', path: at, target: file.target }
      : { type: 'file', path: at, mode: 0o755, content: readFileSync(file.source) }
  })
}

/** A project's programs and their libraries, without what is in each image. */
export async function projectPrograms(
  wanted: readonly string[],
  folder: string,
  others: readonly PlacedProgram[] = [],
): Promise<ProgramFile[]> {
  if (wanted.length === 0 && others.length === 0) return []
  const [all, ofImage, ofNode] = await Promise.all([
    programFiles(wanted, folder, others),
    programFiles([], folder),
    librariesOf(nodeBinary()),
  ])
  const present = new Set([...ofImage, ...ofNode.map(file => ({ place: file, source: file }))].map(keyOf))
  return all.filter(file => !present.has(keyOf(file)))
}

function keyOf(file: ProgramFile): string {
  return JSON.stringify([file.place, 'source' in file ? file.source : file.target])
}

/**
 * The file of a program by its name. /usr/sbin and /sbin count even if the caller's PATH lacks them, as in
 * the guest.
 */
function onPath(name: string): string | undefined {
  return findTool(name, ['/usr/sbin', '/sbin'])
}
