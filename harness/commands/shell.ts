// SPDX-License-Identifier: MIT
import path from 'node:path'
import type { ReadStream, WriteStream } from 'node:tty'
import { guestPaths } from '../../guest/agent/protocol.ts'
import { messageOf } from '../base/errors.ts'
import type { Guest } from '../guest/guest.ts'
import { GuestProgram } from '../guest/guest-program.ts'
import type { FailedTest } from '../pool/guest-source.ts'
import type { Settings } from '../prepare/settings.ts'
import {
  environmentFor,
  parseModule,
  type Session,
  type SessionOptions,
  statusOf,
  withSession,
} from '../session/session.ts'
import { exec, forwardInput, forwardOutput } from './exec.ts'

/**
 * A shell in a guest of its own: interactive at a terminal; otherwise it reads commands from stdin until
 * their end.
 * @returns the shell's exit status
 */
export function shell(options: SessionOptions, settings: Settings, root: string): Promise<number> {
  const { stdin, stdout } = process
  if (!stdin.isTTY || !stdout.isTTY) return exec(['sh'], options, settings, root)
  return withSession(options, settings, root, async session => {
    process.stderr.write(
      await greeting(
        session,
        options.module.map(text => parseModule(text).name),
      ),
    )
    return await shellIn(session.guest, session.environment, stdin, stdout)
  })
}

/** The shell of `--debug`, in the guest of a failed test: tells what has failed, and ends as the shell does. */
export async function lookAround(guest: Guest, { name, errors }: FailedTest): Promise<void> {
  const { stdin, stdout, stderr } = process
  const told = [`${guest.label}: ${name} has failed`, ...errors].join('\n\n')
  stderr.write(`\n${told}\n\nA shell in its guest; exit or Ctrl-D ends it, and the run.\n`)
  try {
    await shellIn(guest, environmentFor([]), stdin, stdout)
  } catch (error) {
    // What the user does may end the guest, which the run then tells.
    stderr.write(`  the shell has ended: ${messageOf(error)}\n`)
  }
}

/**
 * Why `--debug` has opened no shell, and what to do.
 * @param lost whether a guest was lost
 * @param failed whether anything has failed
 */
export function whyNoShell(lost: boolean, failed: boolean): string {
  if (lost)
    return '--debug: no shell, for the guest was lost: --gdb stops before that, and --dump keeps its memory'
  if (failed)
    return '--debug: no shell, for no test has failed but a hook or the file itself: call what fails there in a test'
  return '--debug: no shell, for nothing has failed'
}

async function shellIn(
  guest: Guest,
  environment: Readonly<Record<string, string>>,
  stdin: ReadStream,
  stdout: WriteStream,
): Promise<number> {
  const program = await GuestProgram.start(
    guest,
    {
      // busybox's shell has line editing, unlike /bin/sh.
      command: ['busybox', 'sh', '-i'],
      folder: guestPaths.home,
      environment: { ENV: '/etc/ashrc', ...environment, PS1: `${guest.label}:\\w\\$ ` },
      terminal: sizeOf(stdout),
    },
    forwardOutput,
  )
  return await attended(program, stdin, stdout)
}

/**
 * Connects this terminal to the program until it ends. Raw mode: the guest's terminal interprets the keys.
 */
async function attended(program: GuestProgram, stdin: ReadStream, stdout: WriteStream): Promise<number> {
  const resized = () => program.resize(sizeOf(stdout))
  let isForeground = false
  stdout.on('resize', resized)
  forwardInput(stdin, program, now => {
    isForeground = now
    if (!now) return
    // After a stop (Ctrl-Z) the host's shell may have reset the mode, which Node does not notice.
    stdin.setRawMode(false)
    stdin.setRawMode(true)
  })
  try {
    return statusOf(await program.exited)
  } finally {
    stdout.off('resize', resized)
    if (isForeground) stdin.setRawMode(false)
  }
}

function sizeOf({ columns, rows }: WriteStream): { columns: number; rows: number } {
  return { columns, rows }
}

async function greeting({ prepared }: Session, loaded: readonly string[]): Promise<string> {
  const { moduleNames, package: own } = prepared.delivery
  const others = moduleNames.filter(name => !loaded.includes(name))
  const programs = own.files
    .filter(file => path.dirname(file.path) === guestPaths.programs)
    .map(file => path.basename(file.path))
  return [
    `${prepared.kernel.label}: Linux ${prepared.kernel.release}. exit or Ctrl-D ends it.`,
    `modules: ${loaded.length > 0 ? `${loaded.join(', ')} loaded` : 'none loaded'}${others.length > 0 ? `; insmod ${guestPaths.modules}/NAME.ko: ${others.join(', ')}` : ''}`,
    `programs: ${programs.join(', ') || 'none'}`,
    '',
  ].join('\n')
}
