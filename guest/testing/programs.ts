// SPDX-License-Identifier: MIT
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { clearTimeout, setTimeout } from 'node:timers'
import { type ChildProcess, startChild } from '../agent/child.ts'
import { openPipe } from '../agent/pipes.ts'
import { longestTimer } from '../agent/timers.ts'
import { requireBuiltIns } from './built-ins.ts'
import { withRealUser } from './user.ts'

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
  readonly #limit: number
  /** Undefined if it could not be started. */
  readonly #child: ChildProcess | undefined
  #streams: readonly Socket[] = []
  #hasEnded = false
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
    this.#limit = limit
    try {
      this.#child = this.#start(checked(command), user)
      this.ended = this.#end(command, this.#child)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error
      this.ended = Promise.reject(explained(error as NodeJS.ErrnoException, command))
    }
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

  /** What it has written to stdout so far. */
  get stdout(): string {
    return this.#stdout
  }

  /** What it has written to stderr so far. */
  get stderr(): string {
    return this.#stderr
  }

  [Symbol.dispose](): void {
    this.#kill()
  }

  #start(command: readonly string[], user: number | undefined): ChildProcess {
    const [output, errors] = [openPipe(), openPipe()]
    const input = openSync('/dev/null', 'r')
    const start = () =>
      startChild({
        command,
        stdio: [input, output.writeEnd, errors.writeEnd],
        environment: { PATH, ...process.env },
        isLeader: true,
        asRealUser: user !== undefined,
      })
    // they own the ends for reading, also if it does not start
    const read = (fd: number) => new Socket({ fd, readable: true, writable: false }).setEncoding('utf8')
    this.#streams = [read(output.readEnd), read(errors.readEnd)]
    const [stdout, stderr] = this.#streams
    stdout?.on('data', text => {
      this.#stdout += text
      for (const listener of this.#listeners) listener()
    })
    stderr?.on('data', text => {
      this.#stderr += text
      for (const listener of this.#listeners) listener()
    })
    try {
      return user === undefined ? start() : withRealUser(user, start)
    } finally {
      for (const fd of [input, output.writeEnd, errors.writeEnd]) closeSync(fd)
    }
  }

  async #end(command: readonly string[], child: ChildProcess): Promise<ProgramResult> {
    const { promise: late, reject } = Promise.withResolvers<never>()
    // its output may be open for longer, in what it has started
    const timer = setTimeout(
      () => {
        const what = this.#hasEnded ? 'ended, but what it had started did not,' : 'did not end'
        const soFar = stringify(this.#stdout + this.#stderr)
        this.#kill()
        for (const stream of this.#streams) stream.destroy()
        reject(
          new Error(
            `${command.join(' ')} ${what} within ${this.#limit / 1000} s; until then it said ${soFar}`,
          ),
        )
      },
      Math.min(this.#limit, longestTimer),
    )
    const closed = this.#streams.map(stream => once(stream, 'close'))
    const done = child.ended.then(async ({ code, signal }) => {
      this.#hasEnded = true
      await Promise.all(closed)
      this.#isClosed = true
      return { status: code ?? 128 + signal, stdout: this.#stdout, stderr: this.#stderr }
    })
    try {
      return await Promise.race([done, late])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Ends it and what it has started: its process group. */
  #kill(): void {
    if (this.#child === undefined || this.#isClosed) return
    try {
      kill(-this.#child.pid, 'SIGKILL')
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
  const why = reasonOf(error.code, name)
  if (why === undefined) return error
  return Object.assign(new Error(`${error.code}: ${why}`, { cause: error }), { code: error.code })
}

function reasonOf(code: string | undefined, name: string): string | undefined {
  if (code === 'ENOENT') {
    if (!name.includes('/')) return `there is no program ${name || "''"} on the PATH`
    if (!existsSync(name)) return `there is no program ${name}`
    return `the interpreter that ${name} names is not in the guest`
  }
  if (code === 'EACCES') return `${name} may not be run: it is no file, or not executable`
  if (code === 'ENOEXEC')
    return `${name} is no program for this machine, and no script, which begins with #!/bin/sh or the like`
  return undefined
}

/**
 * No compiler checks suites before they run: a string in place of the array would start a program named by
 * its first letter.
 */
function checked(command: unknown): readonly [string, ...string[]] {
  if (Array.isArray(command) && command.length > 0 && command.every(isText))
    return command as [string, ...string[]]
  throw new TypeError(
    `a program and its arguments are one list of texts, runProgram(['modprobe', 'dummy']), not ${stringify(command)}`,
  )
}

/** A program's argument ends at its first NUL. */
function isText(part: unknown): boolean {
  return typeof part === 'string' && !part.includes('\0')
}
