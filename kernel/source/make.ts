import { availableParallelism } from 'node:os'
import { MachineryError } from '../../harness/base/errors.ts'
import { runTool, type ToolResult } from '../../harness/base/process.ts'
import { throwIfFull } from '../debian/archive.ts'

/** Longer than any build takes: a debug kernel on one busy core needs half an hour. */
const limit = 7_200_000

/** Runs make in a kernel tree; a failure is a result. */
export async function make(
  tree: string,
  args: readonly string[],
  onLine?: (line: string) => void,
): Promise<ToolResult> {
  const result = await runTool(
    'make',
    // One target's messages together, though several are made at a time.
    ['--no-print-directory', '--output-sync=target', `-j${availableParallelism()}`, '-C', tree, ...args],
    {
      timeout: limit,
      env: {
        // Whatever make or kbuild we were started from must not reach into this one.
        ...{ MAKEFLAGS: '', MFLAGS: '', KBUILD_OUTPUT: '', KBUILD_EXTMOD: '', ARCH: 'x86' },
        // The same source gives the same kernel, whoever builds it and when.
        ...{ KBUILD_BUILD_USER: 'netlink-vmtest', KBUILD_BUILD_HOST: 'localhost' },
        ...{ KBUILD_BUILD_TIMESTAMP: '1970-01-01', KBUILD_BUILD_VERSION: '1', SOURCE_DATE_EPOCH: '0' },
      },
      ...(onLine && { onLine }),
    },
  )
  throwIfFull(result)
  return result
}

/** As {@link make}, for what must succeed. @param what is made, for people */
export async function makeOrFail(
  tree: string,
  args: readonly string[],
  what: string,
  onLine?: (line: string) => void,
): Promise<void> {
  const { exitCode, all } = await make(tree, args, onLine)
  if (exitCode !== 0)
    throw new MachineryError(`${what} failed: make ended with status ${exitCode}`, {
      details: complaints(all).slice(-40).join('\n'),
    })
}

/** What make, the compiler and the linker had to say, without the lines that only tell what is being made. */
export function complaints(output: string): string[] {
  return output
    .split('\n')
    .filter(line => line.trim() !== '' && !/^ {2}[A-Z][A-Z0-9_]*( \[M\])? +\S/.test(line))
}
