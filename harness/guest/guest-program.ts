// SPDX-License-Identifier: MIT
import { EventEmitter } from 'node:events'
import type { WindowSize } from '../../guest/agent/pipes.ts'
import type { FromProgram, StartRequest, WorkerState } from '../../guest/agent/protocol.ts'
import { MachineryError } from '../base/errors.ts'
import type { Guest } from './guest.ts'
import type { Loss } from './loss.ts'

/** How a program ended: by a code, or by a signal, which is told by its number. */
export interface ProgramExit {
  readonly code: number | null
  readonly signal: number | null
}

/** Bytes of input in transfer to a program that does not read. */
const WINDOW = 256 * 1024
/** Bytes of output in transfer to a slow reader. */
const OUTPUT_WINDOW = 512 * 1024
/** Milliseconds for an answer about a program's state. */
const STATE_LIMIT = 10_000
/** Bytes in one message, so that pings get in between. */
const PIECE = 64 * 1024

interface ProgramEvents {
  output: [stream: 'stdout' | 'stderr', data: Buffer, taken: () => void]
  'input-taken': []
}

let lastProgram = 0

/** A program that the agent runs in a guest, one at a time. It waits while its output is not read. */
export class GuestProgram extends EventEmitter<ProgramEvents> {
  /** Rejects when the guest is lost; resolves after all output. */
  readonly exited: Promise<ProgramExit>
  readonly #guest: Guest
  readonly #id = ++lastProgram
  readonly #exit = Promise.withResolvers<ProgramExit>()
  readonly #hasTerminal: boolean
  #hasExited = false
  #pending = 0
  #outputPending = 0

  private constructor(guest: Guest, hasTerminal: boolean) {
    super()
    this.#guest = guest
    this.#hasTerminal = hasTerminal
    this.exited = this.#exit.promise
    const from = (message: FromProgram) => {
      if (message.program === this.#id) this.#from(message)
    }
    const lost = (loss: Loss) => this.#exit.reject(new MachineryError(loss.message))
    const output = (stream: 'stdout' | 'stderr', data: Buffer) => this.#output(stream, data)
    guest.on('program', from).on('program-output', output).on('lost', lost)
    const done = () => void guest.off('program', from).off('program-output', output).off('lost', lost)
    this.exited.then(done, done)
  }

  /**
   * Starts a program; calls `prepare` before any of its events.
   * @throws AgentError when it cannot be started: `code` ENOENT, EACCES, ENOEXEC
   */
  static async start(
    guest: Guest,
    request: Omit<StartRequest, 'type' | 'program'>,
    prepare: (program: GuestProgram) => void,
  ): Promise<GuestProgram> {
    const program = new GuestProgram(guest, request.terminal !== undefined)
    prepare(program)
    await guest.ask({ type: 'start', program: program.#id, ...request })
    return program
  }

  /** What it is doing now. @throws AgentError, or MachineryError if the guest does not answer in time */
  async state(): Promise<WorkerState> {
    return (await this.#guest.ask({ type: 'program-state', program: this.#id }, STATE_LIMIT)) as WorkerState
  }

  /** Whether its stdin has room for more. */
  get hasRoom(): boolean {
    return this.#pending < WINDOW
  }

  write(data: Buffer): void {
    this.#pending += data.length
    for (let at = 0; at < data.length; at += PIECE)
      this.#tell({ type: 'input', program: this.#id, data: data.subarray(at, at + PIECE) })
  }

  endInput(): void {
    this.#tell({ type: 'input', program: this.#id })
  }

  resize(size: WindowSize): void {
    this.#tell({ type: 'resize', program: this.#id, size })
  }

  #from(message: FromProgram): void {
    switch (message.type) {
      case 'program-output': {
        const data = Buffer.from(message.data)
        const taken = () => this.#tell({ type: 'output-taken', program: this.#id, bytes: data.length })
        this.emit('output', 'stdout', data, taken)
        return
      }
      case 'program-input-taken':
        this.#pending -= message.bytes
        this.emit('input-taken')
        return
      case 'program-exit':
        this.#hasExited = true
        void this.#ended().then(() => this.#exit.resolve({ code: message.code, signal: message.signal }))
    }
  }

  /** Resolves when all that it wrote to its pipes has arrived. */
  async #ended(): Promise<void> {
    const { stdout, stderr } = this.#guest.outputs
    if (!this.#hasTerminal) await Promise.all([stdout.ended(), stderr.ended()])
  }

  #output(stream: 'stdout' | 'stderr', data: Buffer): void {
    const outputs = Object.values(this.#guest.outputs)
    this.#outputPending += data.length
    if (this.#outputPending > OUTPUT_WINDOW) for (const each of outputs) each.pause()
    this.emit('output', stream, data, () => {
      this.#outputPending -= data.length
      if (this.#outputPending <= OUTPUT_WINDOW) for (const each of outputs) each.resume()
    })
  }

  /** Sends without waiting: a guest that is gone, or a program that has ended, needs no request any more. */
  #tell(request: Parameters<Guest['ask']>[0]): void {
    if (!this.#hasExited) this.#guest.ask(request).catch(() => {})
  }
}

/** Runs a program to its end and returns its output. */
export async function runInGuest(
  guest: Guest,
  request: Omit<StartRequest, 'type' | 'program'>,
): Promise<ProgramExit & { readonly output: string }> {
  let output = ''
  const program = await GuestProgram.start(guest, request, program => {
    program.on('output', (_stream, data, taken) => {
      output += data.toString('utf8')
      taken()
    })
  })
  program.endInput()
  return { ...(await program.exited), output }
}
