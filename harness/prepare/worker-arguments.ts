// SPDX-License-Identifier: MIT
import { nodeBinary } from '../../images/dependencies.ts'
import { UsageError } from '../base/errors.ts'
import { runTool } from '../base/process.ts'

/** Milliseconds for node to check its arguments. */
const LOOK_LIMIT = 30_000
/** Bytes that they may take of the kernel's command line (x86: COMMAND_LINE_SIZE is 2048). */
const ROOM = 1024

/** Arguments with which node would run something other than the test worker, or wait for a debugger. */
const notForWorkers: readonly [RegExp, why: string][] = [
  [/^[^-]|^-?$|^--$/, 'an argument begins with a dash, and has its value behind a ='],
  [
    /^(-r|--(require|import|loader|experimental-loader|env-file))/,
    'it names what is on this machine, and not in guests',
  ],
  [/^--inspect/, 'no debugger reaches a guest'],
  [
    /^(-[ehipsvc]$|--(eval|print|check|interactive|test|watch|run|help|version|v8-options|build-snapshot|prof-process))/,
    'the test worker would not run',
  ],
]

/**
 * Checks Node's arguments for test workers (--execArgv).
 * @throws UsageError for one that node refuses, or with which no worker runs
 */
export async function checkWorkerArguments(args: readonly string[]): Promise<void> {
  if (args.length === 0) return
  for (const argument of args)
    for (const [pattern, why] of notForWorkers)
      if (pattern.test(argument)) throw new UsageError(`--execArgv=${argument} has no place here: ${why}`)
  if (onCommandLine(args).length > ROOM)
    throw new UsageError('--execArgv: that is too much for the command line of a kernel')
  // With --version node checks all of its arguments and runs nothing.
  const { exitCode, all } = await runTool(nodeBinary(), [...args, '--version'], { timeout: LOOK_LIMIT })
  if (exitCode !== 0) throw new UsageError(`--execArgv: node refuses that: ${all.trim().split('\n')[0]}`)
}

/** Encodes arguments for a kernel parameter, which passes them to the agent: no spaces, quotes or commas. */
export function onCommandLine(args: readonly string[]): string {
  return args.map(encodeURIComponent).join(',')
}
