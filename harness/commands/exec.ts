// SPDX-License-Identifier: MIT
import { fstatSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import type { GuestProgram } from '../guest/guest-program.ts'
import type { Settings } from '../prepare/settings.ts'
import { type SessionOptions, startCommand, statusOf, withSession } from '../session/session.ts'
import { followForeground } from './terminal.ts'

/**
 * Runs a command in a guest of its own, with this process's stdin, stdout and stderr.
 * @returns the command's exit status; 128 plus the number of the signal that ended it
 */
export function exec(
  command: readonly string[],
  options: SessionOptions,
  settings: Settings,
  root: string,
): Promise<number> {
  return withSession(options, settings, root, async session => {
    const program = await startCommand(session, command, { combined: isOneOutput() }, forwardOutput)
    if ('reason' in program) {
      process.stderr.write(`error: ${program.reason}\n`)
      return program.status
    }
    forwardInput(process.stdin, program)
    return statusOf(await program.exited)
  })
}

/** Whether stdout and stderr are the same (`2>&1`, a terminal): only then their order matters. */
function isOneOutput(): boolean {
  const [out, err] = [fstatSync(1), fstatSync(2)]
  return out.dev === err.dev && out.ino === err.ino
}

/** Writes a program's output to this process's, with backpressure. */
export function forwardOutput(program: GuestProgram): void {
  program.on('output', (stream, data, taken) => {
    const target: Writable = stream === 'stdout' ? process.stdout : process.stderr
    target.write(data, taken)
  })
}

/**
 * Passes input and its end to the program, with backpressure. A terminal is read in the foreground only.
 * @param onForeground called when this process gets or loses the terminal's foreground
 */
export function forwardInput(
  input: Readable & { readonly isTTY?: boolean },
  program: GuestProgram,
  onForeground: (isForeground: boolean) => void = () => {},
): void {
  let mayRead = true
  const flow = () => (mayRead && program.hasRoom ? input.resume() : input.pause())
  // Until it is known whether this process is in the foreground.
  input.pause()
  input.on('data', (data: Buffer) => {
    program.write(data)
    flow()
  })
  program.on('input-taken', flow)
  input.on('end', () => program.endInput())
  // EIO: the terminal is gone
  input.on('error', () => program.endInput())
  const follow = (isForeground: boolean) => {
    mayRead = isForeground
    onForeground(isForeground)
    flow()
  }
  const end = input.isTTY ? followForeground(follow) : follow(true)
  program.exited
    .finally(() => {
      end?.()
      input.destroy()
    })
    .catch(() => {})
}
