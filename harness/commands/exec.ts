import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import type { GuestProgram } from '../guest/guest-program.ts'
import type { Settings } from '../prepare/settings.ts'
import { type SessionOptions, startCommand, statusOf, withSession } from './session.ts'

/**
 * Runs a command in a guest of its own, with this process's stdin, stdout and stderr.
 * @returns the command's exit status, 128 and its number for a signal
 */
export function exec(
  command: readonly string[],
  options: SessionOptions,
  settings: Settings,
  root: string,
): Promise<number> {
  return withSession(options, settings, root, async session => {
    const program = await startCommand(session, command, forwardOutput)
    if ('reason' in program) {
      process.stderr.write(`error: ${program.reason}\n`)
      return program.status
    }
    forwardInput(process.stdin, program)
    return statusOf(await program.exited, constants.signals)
  })
}

/** Writes a program's output to this process's own, at the pace at which that takes it. */
export function forwardOutput(program: GuestProgram): void {
  program.on('output', (stream, data, taken) => {
    const target: Writable = stream === 'stdout' ? process.stdout : process.stderr
    target.write(data, taken)
  })
}

/** Hands on what comes in, at the pace at which the program reads, and its end. */
export function forwardInput(input: Readable, program: GuestProgram): void {
  input.on('data', (data: Buffer) => {
    program.write(data)
    if (!program.hasRoom) input.pause()
  })
  program.on('input-taken', () => {
    if (program.hasRoom) input.resume()
  })
  input.on('end', () => program.endInput())
  // EIO of a terminal that is gone
  input.on('error', () => program.endInput())
  program.exited.finally(() => input.destroy()).catch(() => {})
}
