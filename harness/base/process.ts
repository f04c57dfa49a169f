// SPDX-License-Identifier: MIT
import { constants } from 'node:os'
import { execa } from 'execa'
import { ExitStatus, isErrno, MachineryError, messageOf } from './errors.ts'
import { throwIfFull } from './full-disk.ts'
import { remedyFor } from './system-errors.ts'
import { requireTool } from './tools.ts'

/**
 * Every child process on the host is started under `setpriv --pdeathsig` (util-linux 2.33), so that the
 * kernel ends it with this process, even after SIGKILL. setpriv execs the command: there is no process in
 * between.
 */
export function tethered(command: string, args: readonly string[], signal = 'KILL'): [string, string[]] {
  return ['setpriv', ['--pdeathsig', signal, '--', command, ...args]]
}

/** How a tool ended. */
export interface ToolResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  /** stdout and stderr, in the order of writing. */
  readonly all: string
}

export interface ToolOptions {
  readonly cwd?: string
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>
  /** False: `env` is the tool's whole environment. */
  readonly extendEnv?: boolean
  /** Milliseconds until the tool is ended and the call fails. */
  readonly timeout: number
  /** Ends the tool and fails the call. */
  readonly signal?: AbortSignal
  /** Called for each line of stdout and stderr as it comes. */
  readonly onLine?: (line: string) => void
  /** False: `onLine` gets the output, which may be of any length, and the result has none of it. */
  readonly keepsOutput?: boolean
}

/** Bytes of output that are kept of a tool. */
const MOST_OUTPUT = 100_000_000
/** Lines of it that a failure tells. */
const SHOWN_LINES = 20

/**
 * Runs a tool and returns how it ended; a non-zero exit is a result, not an error.
 * @throws ToolMissing when the tool is not installed; MachineryError when it cannot be started, was ended by
 *   a signal, exceeded its limit, printed too much to keep, or failed for want of space
 */
export async function runTool(
  command: string,
  args: readonly string[],
  options: ToolOptions,
): Promise<ToolResult> {
  requireTool(command)
  const [file, argv] = tethered(command, args, 'TERM')
  requireTool(file)
  const child = execa(file, argv, {
    all: true,
    reject: false,
    stdin: 'ignore',
    timeout: options.timeout,
    maxBuffer: MOST_OUTPUT,
    buffer: options.keepsOutput ?? true,
    // LC_ALL: messages of apt and gcc are shown, and some are parsed.
    env: { LC_ALL: 'C', ...options.env },
    extendEnv: options.extendEnv ?? true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  })
  if (options.onLine) for await (const line of child.iterable({ from: 'all' })) options.onLine(line)
  const result = await child
  if (options.signal?.aborted) throw options.signal.reason
  const { stdout = '', stderr = '', all = '' } = result
  const details = lastLines(all, SHOWN_LINES)
  if (result.timedOut)
    throw new MachineryError(`${command} did not end within ${options.timeout / 1000} s`, { details })
  if (result.isMaxBuffer)
    throw new MachineryError(`${command} printed more than ${MOST_OUTPUT / 1e6} MB`, { details })
  if (result.signal !== undefined)
    throw new MachineryError(`${command} was ended by ${result.signal}`, { details })
  if (result.exitCode === undefined) throw startFailure(command, result.cause)
  if (result.exitCode !== 0) throwIfFull({ all })
  return { exitCode: result.exitCode, stdout, stderr, all }
}

/**
 * As {@link runTool}, for tools that must succeed: a non-zero exit is a MachineryError with the tool's
 * output.
 */
export async function runToolOrFail(
  command: string,
  args: readonly string[],
  options: ToolOptions,
): Promise<ToolResult> {
  const result = await runTool(command, args, options)
  if (result.exitCode !== 0)
    throw new MachineryError(`${command} failed with status ${result.exitCode}`, {
      details: lastLines(result.all, SHOWN_LINES),
    })
  return result
}

/**
 * The error for a program that the system could not start, for lack of a resource or because of too many
 * arguments.
 */
export function startFailure(command: string, cause: unknown): MachineryError {
  const remedy = remedyFor(cause)
  return new MachineryError(`cannot start ${command} (${messageOf(cause)})${remedy ? `: ${remedy}` : ''}`, {
    cause,
  })
}

/** The last `count` lines of a text. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n')
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'] as const

/** Whether signals have their handlers. */
let handlesSignals = false

/**
 * From now on a signal ends this process as process.exit() does, before any other handler. Its children (QEMU,
 * make, apt) end by their parent-death signal.
 *
 * Until then signals end it by themselves, also while it is busy: so this comes after the project's
 * configuration, which may loop, and before anything is made that must be removed. Handlers are never taken
 * off: Node loses a signal that has come and not been handled yet (libuv: uv_signal_stop).
 */
export function exitOnSignals(): void {
  if (handlesSignals) return
  handlesSignals = true
  // As it is now: while a configuration is loaded, process.exit() throws.
  const exit = process.exit.bind(process)
  for (const signal of signals) process.prependListener(signal, () => exit(signalStatus(signal)))
}

/** The exit status a shell gives a process ended by `signal`. */
export function signalStatus(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}

/** Ends this process when its output cannot be written, see {@link outputLost}. */
export function exitOnLostOutput(): void {
  for (const stream of ['stdout', 'stderr'] as const)
    process[stream].on('error', error => {
      const { status, line } = outputLost(stream, error)
      if (stream === 'stdout') process.stderr.write(line)
      process.exit(status)
    })
}

/** What a failed write to stdout or stderr means: the exit status, and a line for the other stream. */
export function outputLost(stream: 'stdout' | 'stderr', error: Error): { status: number; line: string } {
  // The reader has gone ("| head"): end, as any program in a pipeline.
  if (isErrno(error, 'EPIPE')) return { status: signalStatus('SIGPIPE'), line: '' }
  const [, words = error.message] = /^[A-Z]+: ([^,]*)/.exec(error.message) ?? []
  return { status: ExitStatus.machinery, line: `error: cannot write to ${stream}: ${words}\n` }
}
