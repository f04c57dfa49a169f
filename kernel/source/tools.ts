// SPDX-License-Identifier: MIT
import { MachineryError } from '../../harness/base/errors.ts'
import { commandName } from '../../harness/base/own-folder.ts'
import { runTool } from '../../harness/base/process.ts'
import { packageOf } from '../../harness/base/tools.ts'

/** The tools for building a kernel, and the Debian packages that have them. */
const tools: readonly {
  readonly name: string
  readonly debian: string
  readonly check: readonly string[]
}[] = [
  ...['gcc', 'make', 'flex', 'bison', 'bc', 'perl', 'xz'].map(name => ({
    name,
    debian: packageOf(name) ?? name,
    check: [name, '--version'],
  })),
  // libelf, for objtool.
  {
    name: "libelf's headers",
    debian: 'libelf-dev',
    check: ['gcc', '-fsyntax-only', '-include', 'gelf.h', '-x', 'c', '/dev/null'],
  },
  {
    name: "the C library's headers",
    debian: 'libc6-dev',
    check: ['gcc', '-fsyntax-only', '-include', 'stdio.h', '-x', 'c', '/dev/null'],
  },
]

/** The tools that this machine lacks. */
export async function missingBuildTools(): Promise<{ name: string; debian: string }[]> {
  const checked = await Promise.all(
    tools.map(async tool => {
      const [command = '', ...args] = tool.check
      // through sh, so that a missing tool is reported below with all others
      const { exitCode } = await runTool('sh', ['-c', 'exec "$@" >/dev/null 2>&1', 'sh', command, ...args], {
        timeout: 30_000,
      }).catch(() => ({ exitCode: 127 }))
      return exitCode === 0 ? [] : [tool]
    }),
  )
  return checked.flat()
}

/** @throws MachineryError that names what is missing and the command that installs it */
export async function requireBuildTools(label: string): Promise<void> {
  const missing = await missingBuildTools()
  if (missing.length === 0) return
  const packages = missing.map(it => it.debian).join(' ')
  throw new MachineryError(
    `building ${label} from source needs ${missing.map(it => it.name).join(', ')}: run ${commandName} build --kernel ${label}, or apt-get install ${packages}`,
  )
}

/** The compiler's own name and version: part of the key of a kernel. */
export async function compilerVersion(): Promise<string> {
  const { stdout } = await runTool('gcc', ['--version'], { timeout: 20_000 })
  return stdout.split('\n')[0] ?? ''
}
