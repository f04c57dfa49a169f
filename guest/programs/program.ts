// SPDX-License-Identifier: MIT
/** Arguments, --help, deadline and exit status of the documents' programs. */
import fs from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type Message, OverflowError, type Socket, TimeoutError } from '../netlink/index.ts'

/** The arguments of a call. */
export interface Call {
  readonly args: readonly string[]
  /** Milliseconds until it gives up waiting. */
  readonly timeout: number
  /** Messages after which a listener ends; all that come within the time if not given. */
  readonly count: number | undefined
  /** Whether --listen was given. */
  readonly listen: boolean
}

export interface Program {
  /** Its arguments, as --help shows them: `FAMILY_ID VALUE`, `[VALUE]`. */
  readonly usage: string
  readonly description: string
  /** The least and the greatest number of arguments. */
  readonly arguments: readonly [number, number]
  /** Further options. */
  readonly options?: readonly ('count' | 'listen')[]
  /** Explanations of error codes. */
  readonly hints?: Readonly<Record<string, string>>
  readonly run: (call: Call) => Promise<void>
}

/** A wrong call (exit status 2). */
class UsageError extends Error {}

const name = path.basename(process.argv[1] ?? 'program', '.ts')
/** Seconds that a program waits without --timeout. */
const defaultTimeout = 30

const optionTexts = {
  count: '  --count N          end after N messages',
  listen: '  --listen           hear what the group is told, instead of sending',
  timeout: `  --timeout SECONDS  give up after that time (default: ${defaultTimeout})`,
  help: '  --help             show this',
}

/** Writes to stdout. */
export const print = (text: string) => write(1, text)
/** Writes to stderr. */
const complain = (text: string) => write(2, text)

/**
 * Synchronously, without node's streams, which take long to load (docs/measurements.md, Start of programs).
 */
function write(fd: 1 | 2, text: string): void {
  try {
    fs.writeSync(fd, text)
  } catch (error) {
    // A full, non-blocking pipe: node's streams wait.
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    const stream = fd === 1 ? process.stdout : process.stderr
    stream.write(text)
  }
}

/** Runs a program with this process's arguments. Exit status: 0 done, 1 failed, 2 wrongly called. */
export function main(program: Program): void {
  // It does not reject. The programs do not await it: in guests they are CommonJS, which loads faster.
  void mainOf(program)
}

async function mainOf(program: Program): Promise<void> {
  try {
    const call = readCall(program)
    if (call === undefined) print(helpOf(program))
    else await program.run(call)
  } catch (error) {
    process.exitCode = error instanceof UsageError ? 2 : 1
    complain(`${name}: ${textOf(error, program)}\n`)
    if (error instanceof UsageError) complain(`usage: ${usageOf(program)}\n`)
  }
}

/**
 * Passes messages to `onMessage` until `count` have come or the time is over.
 * @throws Error when fewer came, or none
 */
export async function listen(
  socket: Socket,
  { count, timeout }: Call,
  onMessage: (message: Message) => void,
): Promise<void> {
  const end = Date.now() + timeout
  let heard = 0
  complain(`${name}: listening, for ${timeout / 1000} s at most\n`)
  while (heard !== count) {
    try {
      const datagram = await socket.receive({ timeout: end - Date.now() })
      for (const message of datagram.messages()) onMessage(message)
      heard++
    } catch (error) {
      if (error instanceof OverflowError) {
        complain(`${name}: ${error.message}\n`)
        continue
      }
      if (!(error instanceof TimeoutError)) throw error
      if (count === undefined && heard > 0) return
      const wanted = count === undefined ? 'nothing was heard' : `${heard} of ${count} messages were heard`
      throw new Error(`${wanted} within ${timeout / 1000} s`, { cause: error })
    }
  }
}

/** An unsigned number of `bits` bits, in decimal or with 0x. */
export function number(text: string, what: string, bits = 32): number {
  const value = /^(\d+|0x[\da-f]+)$/i.test(text) ? Number(text) : Number.NaN
  if (value < 2 ** bits) return value
  throw new UsageError(`${what} must be a number from 0 to ${2 ** bits - 1}, not ${text}`)
}

function readCall({ arguments: [least, most], options = [] }: Program): Call | undefined {
  const { values, positionals } = parse(options)
  if (values.help) return undefined
  if (positionals.length < least) throw new UsageError('an argument is missing')
  if (positionals.length > most) throw new UsageError(`unexpected argument ${positionals[most]}`)
  const timeout = Number(values.timeout ?? defaultTimeout)
  if (!(timeout > 0)) throw new UsageError(`--timeout must be a number of seconds, not ${values.timeout}`)
  return {
    args: positionals,
    timeout: timeout * 1000,
    count: typeof values.count === 'string' ? number(values.count, '--count') : undefined,
    listen: values.listen === true,
  }
}

function parse(options: readonly ('count' | 'listen')[]) {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        help: { type: 'boolean' },
        timeout: { type: 'string' },
        ...(options.includes('count') ? { count: { type: 'string' } } : {}),
        ...(options.includes('listen') ? { listen: { type: 'boolean' } } : {}),
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

function usageOf({ usage, options = [] }: Program): string {
  const shown = [
    ...options.map(option => (option === 'count' ? '--count N' : '--listen')),
    '--timeout SECONDS',
  ]
  return [name, ...shown.map(option => `[${option}]`), usage].filter(Boolean).join(' ')
}

function helpOf(program: Program): string {
  const options = ([...(program.options ?? []), 'timeout', 'help'] as const).map(
    option => optionTexts[option],
  )
  return `usage: ${usageOf(program)}\n\n${program.description}\n\n${options.join('\n')}\n`
}

/** Explanations of errors of any program. */
const hints: Readonly<Record<string, string>> = {
  EPERM: 'only who has CAP_NET_ADMIN may',
  EPROTONOSUPPORT: 'the module is not loaded',
  ECONNREFUSED: 'the module is not there in this network namespace',
}

function textOf(error: unknown, program: Program): string {
  if (!(error instanceof Error)) return String(error)
  const hint = 'code' in error ? { ...hints, ...program.hints }[String(error.code)] : undefined
  return hint === undefined ? error.message : `${error.message}: ${hint}`
}
