// SPDX-License-Identifier: MIT
import { accessSync, constants, statSync } from 'node:fs'
import path from 'node:path'
import { MachineryError } from './errors.ts'

/** The host's programs that are run, and the Debian packages that have them. */
const packages = {
  addr2line: 'binutils',
  'apt-cache': 'apt',
  'apt-config': 'apt',
  'apt-get': 'apt',
  base64: 'coreutils',
  bash: 'bash',
  bc: 'bc',
  bison: 'bison',
  busybox: 'busybox-static',
  cat: 'coreutils',
  dash: 'dash',
  'dpkg-deb': 'dpkg',
  env: 'coreutils',
  flex: 'flex',
  gcc: 'gcc',
  gdb: 'gdb',
  git: 'git',
  ip: 'iproute2',
  make: 'make',
  nm: 'binutils',
  objcopy: 'binutils',
  perl: 'perl',
  'qemu-system-x86_64': 'qemu-system-x86',
  readelf: 'binutils',
  setpriv: 'util-linux',
  sh: 'dash',
  strip: 'binutils',
  tar: 'tar',
  xz: 'xz-utils',
} as const satisfies Readonly<Record<string, string>>

/** The Debian package of a program; undefined if unknown. */
export function packageOf(tool: string): string | undefined {
  // Debian's versioned compilers are packages of that name.
  return /^gcc-\d+$/.test(tool) ? tool : (packages as Readonly<Record<string, string>>)[tool]
}

/** A program is not installed on the host; names the package that has it. */
export class ToolMissing extends MachineryError {
  readonly tool: string

  constructor(tool: string) {
    const where = tool.includes('/') ? 'not there, or not executable' : 'not on the PATH'
    const debian = packageOf(path.basename(tool))
    super(`${tool} is ${where}: ${debian ? `apt-get install ${debian}` : 'install it, or correct the PATH'}`)
    this.tool = tool
  }
}

/**
 * The file of a program by its name on the PATH; a name with a slash is a path already.
 * @param more folders to search after those of the PATH
 */
export function findTool(name: string, more: readonly string[] = []): string | undefined {
  if (name.includes('/')) return executable(path.resolve(name))
  // The C library's default without a PATH (execvp(3)).
  const folders = (process.env.PATH ?? '/bin:/usr/bin').split(':').filter(path.isAbsolute)
  for (const folder of [...folders, ...more]) {
    const file = executable(path.join(folder, name))
    if (file) return file
  }
  return undefined
}

/** As {@link findTool}. @throws ToolMissing if it is not found */
export function requireTool(name: string): string {
  const file = findTool(name)
  if (file === undefined) throw new ToolMissing(name)
  return file
}

function executable(file: string): string | undefined {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile() ? file : undefined
  } catch {
    return undefined
  }
}
