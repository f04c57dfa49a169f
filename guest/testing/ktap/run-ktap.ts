// SPDX-License-Identifier: MIT
import { describe } from 'vitest'
import { type ProgramOptions, RunningProgram } from '../programs.ts'
import { declareTests } from './declare.ts'
import { parseKtap } from './parse-ktap.ts'
import { type Origin, type Verdict, verdictsOf } from './verdicts.ts'

/** How {@link runKtap} runs a program. */
export interface KtapOptions extends ProgramOptions {
  /** The name of the suite; the command if not given. */
  readonly name?: string
  /** Called before the program runs: `() => loadModule('nlexample')`. */
  readonly before?: () => void | Promise<void>
  /** Called when it has ended, however that was. */
  readonly after?: () => void | Promise<void>
}

/**
 * Runs a program in the guest that reports by KTAP (TAP of kselftest, KTAP of KUnit), and makes each of its
 * results a test: subtests are suites, `# SKIP` skips, `# XFAIL` and a `# TODO` that fails are skipped with
 * their reasons, diagnostics are the text of failures. A report that is not whole, a program that does not end
 * in time, or ends with a status that no failed test explains, fails a test of its own.
 *
 *     runKtap(['./my-tests', '--verbose'])
 *
 * The program runs once, while Vitest collects the file's tests: before any `beforeAll()`, whichever tests
 * `-t` chooses, and for each test anew with `vm.isolate: 'test'`.
 * @param command the program and its arguments, as `runProgram()` takes them
 */
export function runKtap(command: readonly string[], options: KtapOptions = {}): void {
  declareProgram(command, options, {})
}

/** As {@link runKtap}. @param origin what is known of the report beforehand */
export function declareProgram(
  command: readonly string[],
  { name = [command].flat().join(' '), before, after, ...program }: KtapOptions,
  origin: Origin,
): void {
  describe(name, async () => {
    try {
      await before?.()
      declareTests(await verdictsOfProgram(command, program, origin))
    } finally {
      await after?.()
    }
  })
}

/** @throws TypeError if the command is no array of strings */
export async function verdictsOfProgram(
  command: readonly string[],
  options: ProgramOptions,
  origin: Origin,
): Promise<Verdict[]> {
  using program = RunningProgram.start(command, options)
  const how = await program.ended.catch((error: Error) => error)
  const { stdout, stderr } = program
  const ended = how instanceof Error ? { error: firstOf(how.message) } : { status: how.status }
  return verdictsOf(
    parseKtap(stdout, depth => depth === 0),
    { ...origin, ...ended, stderr },
  )
}

/** Without what it has said until then, which is the report. */
function firstOf(message: string): string {
  return message.replace(/; until then it said [\s\S]*$/, '')
}
