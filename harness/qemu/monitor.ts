// SPDX-License-Identifier: MIT
import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import * as v from 'valibot'
import { MachineryError } from '../base/errors.ts'

const message = v.union([
  v.object({ QMP: v.unknown() }),
  v.object({ return: v.unknown(), id: v.optional(v.number()) }),
  v.object({ error: v.object({ class: v.string(), desc: v.string() }), id: v.optional(v.number()) }),
  v.object({ event: v.string(), data: v.optional(v.record(v.string(), v.unknown())) }),
])

interface Waiting {
  readonly command: string
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

/**
 * QEMU's monitor protocol (docs/interop/qmp-spec.txt) on a connected stream: commands, and events by name.
 */
export class Monitor extends EventEmitter<Record<string, [data: Record<string, unknown>]>> {
  readonly #stream: Duplex
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #text = ''
  #ended = false

  constructor(stream: Duplex) {
    super()
    this.#stream = stream
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => this.#received(text))
    stream.on('error', () => this.#end())
    stream.on('close', () => this.#end())
    // No wait for the greeting: QEMU reads the command after it has sent it.
    this.execute('qmp_capabilities').catch(() => {})
  }

  /**
   * Runs a command and resolves to its return value.
   * @param limit milliseconds for QEMU's answer
   * @throws MachineryError with QEMU's description, or when QEMU does not answer or has ended
   */
  execute(command: string, args: Readonly<Record<string, unknown>> = {}, limit = 10_000): Promise<unknown> {
    if (this.#ended) return Promise.reject(new MachineryError(`QEMU ended before the command ${command}`))
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        reject(new MachineryError(`QEMU did not answer the command ${command} within ${limit / 1000} s`))
      }, limit)
      this.#waiting.set(id, { command, resolve, reject, timer })
      this.#stream.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`)
    })
  }

  #received(text: string): void {
    const lines = (this.#text + text).split('\n')
    this.#text = lines.pop() ?? ''
    for (const line of lines) if (line.trim()) this.#handle(v.parse(message, JSON.parse(line)))
  }

  #handle(received: v.InferOutput<typeof message>): void {
    if ('event' in received) return void this.emit(received.event, received.data ?? {})
    if ('QMP' in received || received.id === undefined) return
    const waiting = this.#waiting.get(received.id)
    if (!waiting) return
    this.#waiting.delete(received.id)
    clearTimeout(waiting.timer)
    if ('error' in received)
      waiting.reject(
        new MachineryError(`QEMU refused the command ${waiting.command}: ${received.error.desc}`),
      )
    else waiting.resolve(received.return)
  }

  #end(): void {
    this.#ended = true
    for (const { command, reject, timer } of this.#waiting.values()) {
      clearTimeout(timer)
      reject(new MachineryError(`QEMU ended during the command ${command}`))
    }
    this.#waiting.clear()
  }
}
