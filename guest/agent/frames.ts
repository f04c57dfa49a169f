// SPDX-License-Identifier: MIT
import v8 from 'node:v8'

// Kept from before any test: a hook may replace them, and the worker tells of hooks before they are restored.
const { stringify, parse } = JSON
const { allocUnsafe, byteLength } = Buffer

/** No message comes near this; a longer one means that the byte stream is out of step. */
const LONGEST = 256 * 1024 * 1024

/** The bit of a frame's length for a message in JSON. */
const JSON_MARK = 0x8000_0000

/**
 * A message on a port: its length in bytes (u32, little-endian), then the message by `v8.serialize`, which
 * keeps all that Vitest sends: Map, Date, undefined, cycles, errors.
 */
export function encodeFrame(message: unknown): Buffer {
  const body = v8.serialize(message)
  const frame = allocUnsafe(4 + body.length)
  frame.writeUInt32LE(body.length, 0)
  body.copy(frame, 4)
  return frame
}

/** As {@link encodeFrame}, as JSON, which is cheaper: for the messages of each test, which JSON keeps. */
export function encodePlainFrame(message: unknown): Buffer {
  const text = stringify(message)
  const length = byteLength(text)
  const frame = allocUnsafe(4 + length)
  frame.writeUInt32LE(length + JSON_MARK, 0)
  frame.write(text, 4)
  return frame
}

/** Joins pieces of any size to messages. */
export class FrameDecoder {
  readonly #onMessage: (message: unknown) => void
  #pieces: Buffer[] = []
  #length = 0

  constructor(onMessage: (message: unknown) => void) {
    this.#onMessage = onMessage
  }

  /** @throws Error when the bytes cannot be a frame: the port cannot be used any more */
  push(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#length += piece.length
    while (this.#length >= 4) {
      if (this.#head().length < 4) this.#join()
      const head = this.#head().readUInt32LE(0)
      const isJson = head >= JSON_MARK
      const wanted = 4 + head - (isJson ? JSON_MARK : 0)
      if (wanted > LONGEST) throw new Error(`a frame of ${wanted} bytes: the stream is out of step`)
      if (this.#length < wanted) return
      this.#join()
      const all = this.#head()
      this.#length = all.length - wanted
      this.#pieces = this.#length > 0 ? [all.subarray(wanted)] : []
      const body = all.subarray(4, wanted)
      this.#onMessage(isJson ? parse(body.toString()) : v8.deserialize(body))
    }
  }

  #head(): Buffer {
    return this.#pieces[0] ?? Buffer.alloc(0)
  }

  #join(): void {
    if (this.#pieces.length > 1) this.#pieces = [Buffer.concat(this.#pieces)]
  }
}
