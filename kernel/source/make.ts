// SPDX-License-Identifier: MIT
import { availableParallelism } from 'node:os'
import { MachineryError } from '../../harness/base/errors.ts'
import { runTool, type ToolResult } from '../../harness/base/process.ts'

/** Milliseconds: longer than a debug kernel's build on one busy core. */
const limit = 7_200_000

/** Runs make in a kernel tree; a failure is a result. */
export async function make(
  tree: string,
  args: readonly string[],
  onLine?: (line: string) => void,
): Promise<ToolResult> {
  return await runTool(
    'make',
    // Keeps each target's messages together in a parallel build.
    ['--no-print-directory', '--output-sync=target', `-j${availableParallelism()}`, '-C', tree, ...args],
    {
      timeout: limit,
      env: {
        // Shields the build from an outer make or kbuild.
        ...{ MAKEFLAGS: '', MFLAGS: '', KBUILD_OUTPUT: '', KBUILD_EXTMOD: '', ARCH: 'x86' },
        // The same source gives the same kernel, on any machine at any time.
        ...{ KBUILD_BUILD_USER: 'netlink-vmtest', KBUILD_BUILD_HOST: 'localhost' },
        ...{ KBUILD_BUILD_TIMESTAMP: '1970-01-01', KBUILD_BUILD_VERSION: '1', SOURCE_DATE_EPOCH: '0' },
      },
      ...(onLine && { onLine }),
    },
  )
}

/** As {@link make}, and fails if make does. @param what the name of the result, for messages */
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

/** The messages of make, compiler and linker, without progress lines. */
export function complaints(output: string): string[] {
  return output
    .split('\n')
    .filter(line => line.trim() !== '' && !/^ {2}[A-Z][A-Z0-9_]*( \[M\])? +\S/.test(line))
}
