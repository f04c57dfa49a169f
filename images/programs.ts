// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { guestPaths } from '../guest/agent/protocol.ts'
import { UsageError } from '../harness/base/errors.ts'
import { findTool, ToolMissing } from '../harness/base/tools.ts'
import type { CpioEntry } from './cpio.ts'
import { isElf, isUsualFolder, librariesOf } from './libraries.ts'

/**
 * iproute2, because busybox's `ip` can do far less; and a shell, because that of Debian's busybox prefers its
 * applets to programs on the PATH.
 */
const usual = ['ip', 'dash']

/** The guest's /bin/sh. */
export const shell = `${guestPaths.programs}/dash`

/**
 * This machine's programs for an image: in the first folder of the PATH, before busybox's applets, with their
 * shared libraries.
 * @param wanted beside the usual ones, by their names on the PATH, or as paths relative to `folder`
 * @throws UsageError that names a missing program, or two of one name; ToolMissing for a usual one;
 *   MachineryError for libraries
 */
export async function hostPrograms(wanted: readonly string[], folder: string): Promise<CpioEntry[]> {
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
  const libraries = await Promise.all([...files.values()].filter(isElf).map(librariesOf))
  return [
    ...[...files].map(([name, file]): CpioEntry => entry(`${guestPaths.programs}/${name}`, file)),
    ...[...new Set(libraries.flat())].sort().flatMap(library => [
      entry(library, library),
      // where the guest's loader finds it without an ld.so.cache
      ...(isUsualFolder(path.dirname(library))
        ? []
        : [{ type: 'link', path: `usr/lib/${path.basename(library)}`, target: library } as const]),
    ]),
  ]
}

function entry(place: string, file: string): CpioEntry {
  return { type: 'file', path: place.slice(1), mode: 0o755, content: readFileSync(file) }
}

/**
 * The file of a program by its name. /usr/sbin and /sbin count even if the caller's PATH lacks them, as in
 * the guest.
 */
function onPath(name: string): string | undefined {
  return findTool(name, ['/usr/sbin', '/sbin'])
}
