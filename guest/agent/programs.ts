// SPDX-License-Identifier: MIT
/** Programs that the agent runs for the host, for `exec` and `shell`. */
import fs from 'node:fs'
import net from 'node:net'
import { type ChildProcess, startChild } from './child.ts'
import type { Outputs } from './outputs.ts'
import { openPipe, openTerminal, resize, type WindowSize } from './pipes.ts'
import type { FromAgent, StartRequest } from './protocol.ts'

/**
 * Most bytes of a terminal's output on the way to the host. A program that writes faster waits in write().
 */
const WINDOW = 512 * 1024

/** Milliseconds to wait for the rest of a terminal's output while a background process keeps it open. */
const TERMINAL_LINGER = 1_000

type Send = (message: FromAgent) => void

/** A running program. */
interface Program {
  readonly pid: number
  write(data: Uint8Array): void
  endInput(): void
  /** The host has taken this many more bytes of output. */
  taken(bytes: number): void
  resize(size: WindowSize): void
}

/** All programs, by the numbers that the host gave them. */
export class Programs {
  readonly #running = new Map<number, Program>()
  readonly #outputs: Outputs
  readonly #send: Send

  constructor(outputs: Outputs, send: Send) {
    this.#outputs = outputs
    this.#send = send
  }

  /** @throws Error with the `code` of the failed system call */
  start(request: StartRequest): void {
    const id = request.program
    const send = (message: FromAgent) => {
      if (message.type === 'program-exit') this.#running.delete(id)
      this.#send(message)
    }
    const program =
      request.terminal === undefined ? onPipes(request, this.#outputs, send) : onTerminal(request, send)
    this.#running.set(id, program)
  }

  /** The processes of those that run. */
  get pids(): number[] {
    return [...this.#running.values()].map(({ pid }) => pid)
  }

  /** A program; undefined if it has ended. */
  get(id: number): Program | undefined {
    return this.#running.get(id)
  }
}

/** stdin, stdout and stderr as pipes. */
function onPipes(request: StartRequest, outputs: Outputs, send: Send): Program {
  const id = request.program
  const input = openPipe()
  const errors = request.combined ? outputs.stdout : outputs.stderr
  let child: ChildProcess
  try {
    child = run(request, [input.readEnd, outputs.stdout, errors])
  } catch (error) {
    fs.closeSync(input.writeEnd)
    throw error
  } finally {
    fs.closeSync(input.readEnd)
  }
  const stdin = new net.Socket({ fd: input.writeEnd, readable: false, writable: true })
  // EPIPE: the program does not read its input, which is no error
  stdin.on('error', () => {})
  // At exit all of its own output is in the pipes; a process that it leaves in the background may go on
  // writing.
  void child.ended.then(async end => {
    stdin.destroy()
    await outputs.end()
    send({ type: 'program-exit', program: id, ...end })
  })
  return {
    pid: child.pid,
    write: data => {
      const taken = () => send({ type: 'program-input-taken', program: id, bytes: data.length })
      if (stdin.writable) stdin.write(data, taken)
      else taken()
    },
    endInput: () => stdin.end(),
    taken: () => {},
    resize: () => {},
  }
}

/** stdin, stdout and stderr as a new terminal. */
function onTerminal(request: StartRequest, send: Send): Program {
  const id = request.program
  const { master, slave } = openTerminal(request.terminal ?? { columns: 80, rows: 24 })
  // setsid -c makes the program a session leader with this controlling terminal, which Ctrl-C needs.
  let child: ChildProcess
  try {
    child = run({ ...request, command: ['setsid', '-c', ...request.command] }, [slave, slave, slave])
  } catch (error) {
    fs.closeSync(master)
    throw error
  } finally {
    fs.closeSync(slave)
  }

  let pending = 0
  let paused = false
  const buffer = Buffer.allocUnsafeSlow(64 * 1024)
  const { promise: drained, resolve: end } = Promise.withResolvers<void>()
  const next = () => {
    paused = pending > WINDOW
    if (paused) return
    fs.read(master, buffer, 0, buffer.length, null, (error, count) => {
      // EIO: no process has the other end open
      if (error || count === 0) return end()
      pending += count
      send({
        type: 'program-output',
        program: id,
        data: Buffer.from(buffer.subarray(0, count)),
      })
      next()
    })
  }
  const writes: { readonly data: Uint8Array; readonly ofHost: boolean }[] = []
  const writeNext = () => {
    const [next] = writes
    if (next === undefined) return
    const { data, ofHost } = next
    fs.write(master, data, 0, data.length, null, (error, count) => {
      writes.shift()
      if (!error && count < data.length) writes.unshift({ data: data.subarray(count), ofHost })
      if (ofHost) send({ type: 'program-input-taken', program: id, bytes: error ? data.length : count })
      writeNext()
    })
  }
  const write = (data: Uint8Array, ofHost: boolean) => {
    if (writes.push({ data, ofHost }) === 1) writeNext()
  }
  void child.ended.then(async end => {
    await Promise.race([drained, new Promise(resolve => setTimeout(resolve, TERMINAL_LINGER))])
    send({ type: 'program-exit', program: id, ...end })
  })
  next()
  return {
    pid: child.pid,
    write: data => write(data, true),
    // Ctrl-D: a terminal's end of input
    endInput: () => write(Buffer.from([4]), false),
    taken: bytes => {
      pending -= bytes
      if (paused && pending <= WINDOW) next()
    },
    resize: size => resize(master, size),
  }
}

function run(request: StartRequest, stdio: [number, number, number]): ChildProcess {
  const { command, folder, environment } = request
  return startChild({ command, folder, stdio, environment: { ...process.env, ...environment } })
}
