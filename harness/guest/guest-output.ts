// SPDX-License-Identifier: MIT
import type { Duplex } from 'node:stream'
import { endOfOutput } from '../../guest/agent/protocol.ts'

const mark = Buffer.from(endOfOutput)

/** What the guest's programs write to stdout or stderr. Where a program has ended, the stream has a mark. */
export class GuestOutput {
  readonly #port: Duplex
  readonly #onData: (data: Buffer) => void
  readonly #ends: (() => void)[] = []
  #ended = 0
  #held = Buffer.alloc(0)

  constructor(port: Duplex, onData: (data: Buffer) => void) {
    this.#port = port
    this.#onData = onData
    port.on('data', (data: Buffer) => this.#take(data))
  }

  /** Resolves when everything before the next mark has arrived. */
  ended(): Promise<void> {
    if (this.#ended > 0) {
      this.#ended--
      return Promise.resolve()
    }
    return new Promise(resolve => this.#ends.push(resolve))
  }

  /** Stops reading, so that writers in the guest wait. */
  pause(): void {
    this.#port.pause()
  }

  resume(): void {
    this.#port.resume()
  }

  #take(data: Buffer): void {
    let left = this.#held.length > 0 ? Buffer.concat([this.#held, data]) : data
    for (let at = left.indexOf(mark); at >= 0; at = left.indexOf(mark)) {
      if (at > 0) this.#onData(left.subarray(0, at))
      const end = this.#ends.shift()
      if (end) end()
      else this.#ended++
      left = left.subarray(at + mark.length)
    }
    const held = beginningOfMark(left)
    this.#held = Buffer.from(left.subarray(left.length - held))
    if (left.length > held) this.#onData(left.subarray(0, left.length - held))
  }
}

/** How many bytes at the end can be the beginning of a mark. */
function beginningOfMark(data: Buffer): number {
  for (let length = Math.min(mark.length - 1, data.length); length > 0; length--)
    if (data.subarray(data.length - length).equals(mark.subarray(0, length))) return length
  return 0
}
