import { nodeBinary } from '../../images/node-binary.ts'
import { UsageError } from '../base/errors.ts'
import { runTool } from '../base/process.ts'

/** How long node may take to look at its arguments. */
const LOOK_LIMIT = 30_000
/** Bytes that they may take of a kernel's command line, which has 2048 (x86: COMMAND_LINE_SIZE). */
const ROOM = 1024

/** Arguments with which node would run something else than the test worker, or wait for somebody. */
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
 * Arguments of Node's for test workers (--execArgv).
 * @throws UsageError for one that node refuses or with which no worker runs
 */
export async function checkWorkerArguments(args: readonly string[]): Promise<void> {
  if (args.length === 0) return
  for (const argument of args)
    for (const [pattern, why] of notForWorkers)
      if (pattern.test(argument)) throw new UsageError(`--execArgv=${argument} has no place here: ${why}`)
  if (onCommandLine(args).length > ROOM)
    throw new UsageError('--execArgv: that is too much for the command line of a kernel')
  // It looks at all of its arguments before it says its version, and runs nothing.
  const { exitCode, all } = await runTool(nodeBinary(), [...args, '--version'], { timeout: LOOK_LIMIT })
  if (exitCode !== 0) throw new UsageError(`--execArgv: node refuses that: ${all.trim().split('\n')[0]}`)
}

/** Arguments as a kernel parameter hands them to the guest's agent: without spaces, quotes and commas. */
export function onCommandLine(args: readonly string[]): string {
  return args.map(encodeURIComponent).join(',')
}
