// SPDX-License-Identifier: MIT
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { clearTimeout, setTimeout } from 'node:timers'
import { longestTimer } from '../agent/timers.ts'
import { requireBuiltIns } from './built-ins.ts'

/** Kept from before any test, which may empty the environment. */
const { PATH } = process.env
const { kill, nextTick } = process
const { stringify } = JSON

/** How a program ended, and its output. */
export interface ProgramResult {
  /** Its exit status, or 128 and the number of the signal that ended it, as in a shell. */
  readonly status: number
  /** All that it wrote to stdout, as text. */
  readonly stdout: string
  /** All that it wrote to stderr. */
  readonly stderr: string
}

/** Milliseconds that a program may take by default: node starts slowly in an emulated guest. */
const LIMIT = 60_000

/** How a program is run. */
export interface ProgramOptions {
  /** Milliseconds until it is ended and the call fails; 60 s if not given. */
  readonly limit?: number
  /** Runs it as that user, with the group of the same number. */
  readonly user?: number
}

/** A program in the background. Disposing of it ends it, with what it has started. */
export class RunningProgram implements Disposable {
  /** Resolves when it has ended; rejects if it does not end in time. */
  readonly ended: Promise<ProgramResult>
  readonly #child: ChildProcess
  readonly #limit: number
  #isClosed = false
  #stdout = ''
  #stderr = ''
  readonly #listeners = new Set<() => void>()

  private constructor(command: readonly string[], { limit = LIMIT, user }: ProgramOptions) {
    requireBuiltIns()
    if (process.nextTick !== nextTick)
      throw new Error(
        "process.nextTick is fake, and node's streams need it: leave it out of toFake to run programs",
      )
    const [file, ...args] = checked(command)
    const options: SpawnOptions = {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH, ...process.env },
      detached: true,
    }
    this.#limit = limit
    this.#child = spawn(file, args, user === undefined ? options : { ...options, uid: user, gid: user })
    this.#child.stdout?.setEncoding('utf8').on('data', text => {
      this.#stdout += text
      for (const listener of this.#listeners) listener()
    })
    this.#child.stderr?.setEncoding('utf8').on('data', text => {
      this.#stderr += text
      for (const listener of this.#listeners) listener()
    })
    this.ended = this.#end(command)
    // those who wait for it get the error
    this.ended.catch(() => {})
  }

  /**
   * Starts a program, looked up on the PATH, which has the documents' programs.
   * @throws TypeError if the command is no array of strings
   */
  static start(command: readonly string[], options: ProgramOptions = {}): RunningProgram {
    return new RunningProgram(command, options)
  }

  /**
   * Waits until its output, stdout or stderr, matches: that it listens, for instance.
   * @throws Error if it ends before that, or does not match in time
   */
  async said(pattern: RegExp): Promise<void> {
    const { promise: found, resolve } = Promise.withResolvers<true>()
    const look = () => {
      // not test(), which begins at lastIndex if the pattern is global
      if (this.#stdout.search(pattern) >= 0 || this.#stderr.search(pattern) >= 0) resolve(true)
    }
    look()
    this.#listeners.add(look)
    try {
      const result = await Promise.race([found, this.ended])
      if (result !== true)
        throw new Error(`it ended with status ${result.status} without saying ${pattern}: ${result.stderr}`)
    } finally {
      this.#listeners.delete(look)
    }
  }

  [Symbol.dispose](): void {
    this.#kill()
  }

  async #end(command: readonly string[]): Promise<ProgramResult> {
    const { promise, resolve, reject } = Promise.withResolvers<ProgramResult>()
    // not `close`, which waits for all that has the pipes open
    const timer = setTimeout(
      () => {
        const { exitCode, stdout, stderr } = this.#child
        const what = exitCode === null ? 'did not end' : 'ended, but what it had started did not,'
        const soFar = stringify(this.#stdout + this.#stderr)
        this.#kill()
        for (const stream of [stdout, stderr]) stream?.destroy()
        reject(
          new Error(
            `${command.join(' ')} ${what} within ${this.#limit / 1000} s; until then it said ${soFar}`,
          ),
        )
      },
      Math.min(this.#limit, longestTimer),
    )
    this.#child.once('error', error => reject(explained(error, command)))
    this.#child.once('close', (code, signal) => {
      this.#isClosed = true
      resolve({ status: code ?? 128 + numberOf(signal), stdout: this.#stdout, stderr: this.#stderr })
    })
    try {
      return await promise
    } finally {
      clearTimeout(timer)
    }
  }

  /** Ends it and what it has started: its process group. */
  #kill(): void {
    const { pid } = this.#child
    if (pid === undefined || this.#isClosed) return
    try {
      kill(-pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/**
 * Runs a program to its end: `await runProgram(['modprobe', 'dummy'])`.
 * @throws TypeError if the command is no array of strings, Error when there is no such program, or it does
 * not end in time
 */
export async function runProgram(
  command: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  return await RunningProgram.start(command, options).ended
}

function explained(error: NodeJS.ErrnoException, [name = '']: readonly string[]): Error {
  if (error.code !== 'ENOENT') return error
  const missing = `there is no program ${name}${name.includes('/') ? '' : ' on the PATH'}`
  return Object.assign(new Error(`ENOENT: ${missing}`, { cause: error }), { code: 'ENOENT' })
}

/**
 * No compiler checks suites before they run: a string in place of the array would start a program named by
 * its first letter.
 */
function checked(command: unknown): readonly [string, ...string[]] {
  if (Array.isArray(command) && command.length > 0 && command.every(part => typeof part === 'string'))
    return command as [string, ...string[]]
  throw new TypeError(
    `a program and its arguments are one list of texts, runProgram(['modprobe', 'dummy']), not ${stringify(command)}`,
  )
}

function numberOf(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : constants.signals[signal]
}
