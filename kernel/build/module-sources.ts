import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { isErrno, messageOf, UsageError } from '../../harness/base/errors.ts'

/** An out-of-tree Kbuild directory, and what its build is told. */
export interface ModuleFolder {
  readonly dir: string
  /** Variables on make's command line. */
  readonly make?: Readonly<Record<string, string>> | undefined
  /** Environment variables: the build has no others of the caller's but PATH and TMPDIR. */
  readonly env?: Readonly<Record<string, string>> | undefined
}

export interface SourceFile {
  /** Its path below the source folder. */
  readonly name: string
  readonly content: Buffer
  readonly mode: number
}

/** A source folder larger than this was not meant: the root of a home directory, a kernel tree. */
const largestSource = 64 * 1024 * 1024

/** What an earlier build in the folder left: no source, and in the way of building for another kernel. */
const buildOutput =
  /(^|\/)(\.git|\.tmp_versions|node_modules)(\/|$)|\.(o|ko|mod|mod\.c|a|cmd|order|symvers|dwo)$|(^|\/)\.[^/]*\.(cmd|d)$/

/** Every file of a Kbuild directory, by name in a fixed order. */
export async function readSources(sourceDir: string): Promise<SourceFile[]> {
  const root = await realpath(sourceDir).catch(() => path.resolve(sourceDir))
  try {
    await checkKbuild(root, sourceDir)
    const files: SourceFile[] = []
    let total = 0
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      const file = path.join(entry.parentPath, entry.name)
      const name = path.relative(root, file)
      if (buildOutput.test(name) || !(entry.isFile() || entry.isSymbolicLink())) continue
      // A link counts as what it points to; a dangling one, or one to a folder, as nothing.
      const status = await stat(file).catch(() => undefined)
      if (!status?.isFile()) continue
      total += status.size
      if (total > largestSource)
        throw new UsageError(
          `${shown(sourceDir)} holds more than ${largestSource / 1024 / 1024} MB: name the folder of the modules only`,
        )
      files.push({ name, content: await readFile(file), mode: status.mode })
    }
    return files.sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch (error) {
    if (isErrno(error, 'EACCES')) throw new UsageError(`cannot read ${shown(sourceDir)}: ${messageOf(error)}`)
    throw error
  }
}

/** Whether `root` says which modules it is for; before it is read, for it may be a home directory. */
async function checkKbuild(root: string, sourceDir: string): Promise<void> {
  const status = await stat(root).catch(error => {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    throw error
  })
  if (!status) throw new UsageError(`there is no folder ${shown(sourceDir)} to build modules from`)
  if (!status.isDirectory())
    throw new UsageError(
      `${shown(sourceDir)} is a file: name the folder whose Kbuild or Makefile lists obj-m`,
    )
  // Kbuild wins where a folder has both, as in the kernel's build.
  for (const name of ['Kbuild', 'Makefile']) {
    const content = await readFile(path.join(root, name), 'utf8').catch(error => {
      if (isErrno(error, 'ENOENT')) return undefined
      throw error
    })
    if (content === undefined) continue
    if (/\bobj-(m|y|\$)/.test(content)) return
    throw new UsageError(`${shown(sourceDir)}/${name} lists no modules: it needs a line like obj-m += name.o`)
  }
  throw new UsageError(`${shown(sourceDir)} has neither a Kbuild nor a Makefile: it lists no modules`)
}

/** A folder as the user would write it: below the current one, relative. */
export function shown(folder: string): string {
  const relative = path.relative('', folder)
  return relative === '' ? '.' : relative.startsWith('..') ? path.resolve(folder) : relative
}
