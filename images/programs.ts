import { readFileSync } from 'node:fs'
import path from 'node:path'
import { guestPaths } from '../guest/agent/protocol.ts'
import { UsageError } from '../harness/base/errors.ts'
import { findTool, ToolMissing } from '../harness/base/tools.ts'
import type { CpioEntry } from './cpio.ts'
import { isElf, isUsualFolder, librariesOf } from './libraries.ts'

/**
 * iproute2, by which people look at links, addresses and routes: busybox's applet of that name can do far less. And a
 * shell, for that of Debian's busybox takes its own applets before anything on the PATH.
 */
const usual = ['ip', 'dash']

/** The guest's /bin/sh. */
export const shell = `${guestPaths.programs}/dash`

/**
 * Programs of this machine, as an image has them: in the first folder of everybody's PATH, before busybox's applets,
 * with the shared libraries that dynamic ones need.
 * @param wanted beside the usual ones, by their names on the PATH, or as paths from `folder`
 * @throws UsageError that names a program which is not there, or two of one name; ToolMissing for a usual one, MachineryError for libraries
 */
export async function hostPrograms(wanted: readonly string[], folder: string): Promise<CpioEntry[]> {
  // By their names in the guest: a project may have an `ip` of its own in place of the usual one.
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
      // where the guest's loader finds it, which has no /etc/ld.so.cache
      ...(isUsualFolder(path.dirname(library))
        ? []
        : [{ type: 'link', path: `usr/lib/${path.basename(library)}`, target: library } as const]),
    ]),
  ]
}

function entry(place: string, file: string): CpioEntry {
  return { type: 'file', path: place.slice(1), mode: 0o755, content: readFileSync(file) }
}

/** The file of a program by its name; as init has it, /usr/sbin and /sbin count whoever calls. */
function onPath(name: string): string | undefined {
  return findTool(name, ['/usr/sbin', '/sbin'])
}
