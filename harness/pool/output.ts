// SPDX-License-Identifier: MIT
import type { ConsoleOutput } from '../../guest/agent/protocol.ts'

/** A test's console output as Vitest takes it (UserConsoleLog of vitest 5.1.1). */
export interface ConsoleLog {
  readonly type: 'stdout' | 'stderr'
  readonly content: string
  readonly taskId: string
  readonly time: number
  /** The number of calls. */
  readonly size: number
  readonly origin?: string
}

/** Bytes that are shown of the beginning of a test's output, and of its end if there is more. */
const SHOWN = 1024 * 1024
const SHOWN_OF_END = 64 * 1024
/** The same for a file's kept output. */
const KEPT = 4 * SHOWN
const NEWLINE = 0x0a

/**
 * Passes on the beginning of a stream and later its end, with a line that says how much is missing between.
 */
export class BoundedOutput {
  #room: number
  #end: Buffer[] = []
  #endLength = 0
  #missing = 0

  /** @param limit bytes of the beginning */
  constructor(limit: number) {
    this.#room = limit
  }

  /** @returns the part that is shown now */
  take(data: Buffer): Buffer {
    const shown = data.subarray(0, this.#room)
    this.#room -= shown.length
    if (shown.length < data.length) this.#keepEnd(data.subarray(shown.length))
    return shown
  }

  /** The end of the stream; empty if all has been shown. */
  rest(): Buffer {
    const end = Buffer.concat(this.#end)
    if (this.#missing === 0) return end
    const note = `\n... ${(this.#missing / 1e6).toFixed(1)} MB of output are not shown ...\n`
    return Buffer.concat([Buffer.from(note), end])
  }

  #keepEnd(data: Buffer): void {
    this.#end.push(Buffer.from(data))
    this.#endLength += data.length
    if (this.#endLength <= 2 * SHOWN_OF_END) return
    const all = Buffer.concat(this.#end)
    this.#missing += all.length - SHOWN_OF_END
    this.#end = [Buffer.from(all.subarray(-SHOWN_OF_END))]
    this.#endLength = SHOWN_OF_END
  }
}

type Stream = 'stdout' | 'stderr'

/** Consecutive calls of one test's console. */
interface Block {
  readonly task: string
  readonly stream: Stream
  readonly time: number
  readonly origin: string | undefined
  content: string
  size: number
}

/** Where the output goes. */
export interface OutputTarget {
  console(log: ConsoleLog): void
  /** What the worker's process and its children write directly. */
  raw(stream: Stream, data: Buffer): void
}

/**
 * The output of a file's tests, with limits: a flood neither fills this process's memory nor hides other
 * output.
 */
export class TestOutput {
  readonly #target: OutputTarget
  readonly #blocks = new Map<string, Block>()
  /** By stream, and by the task or the process itself. */
  readonly #bounds = new Map<string, { readonly bound: BoundedOutput; show(rest: Buffer): void }>()
  readonly #kept: Buffer[] = []
  readonly #keptBound = new BoundedOutput(KEPT)
  /** The stream that was written to last, without a line's end. */
  #open: Stream | undefined

  constructor(target: OutputTarget) {
    this.#target = target
  }

  /** The file's output, as kept with its evidence. */
  get kept(): string {
    return Buffer.concat([...this.#kept, this.#keptBound.rest()]).toString()
  }

  /** Adds what a console printed, or ends its block. */
  console(output: ConsoleOutput): void {
    if (output.type === 'console-pause') {
      if (this.#blocks.size > 0) this.#endLine()
      return this.#endBlocks()
    }
    const { task, stream, time, origin } = output
    const whole = Buffer.from(output.content)
    const show = (rest: Buffer) =>
      this.#target.console({ type: stream, content: rest.toString(), taskId: task, time, size: 1 })
    const shown = this.#take(`${stream} ${task}`, whole, show)
    if (shown.length === 0 && whole.length > 0) return
    const content = shown.length === whole.length ? output.content : shown.toString()
    const key = `${stream} ${task}`
    const block = this.#blocks.get(key)
    if (block && origin === undefined) {
      block.content += content
      block.size++
    } else {
      if (block) this.#endBlocks()
      this.#blocks.set(key, { task, stream, time, origin, content, size: 1 })
    }
  }

  /** Adds what the worker's process or one of its children wrote. */
  raw(stream: Stream, data: Buffer): void {
    const shown = this.#take(stream, data, rest => this.#raw(stream, rest))
    if (shown.length > 0) this.#raw(stream, shown)
  }

  /** A test or the file begins: the limits start anew. */
  next(): void {
    this.#endBlocks()
    for (const { bound, show } of this.#bounds.values()) {
      const rest = bound.rest()
      if (rest.length > 0) show(rest)
    }
    this.#bounds.clear()
  }

  /** A test or the file has ended: what Vitest says of it begins a line. */
  end(): void {
    if (this.#blocks.size > 0) this.#endLine()
    this.next()
    this.#endLine()
  }

  #raw(stream: Stream, data: Buffer): void {
    this.#target.raw(stream, data)
    this.#open = data.at(-1) === NEWLINE ? undefined : stream
  }

  /** What is told next begins a line. */
  #endLine(): void {
    if (this.#open !== undefined) this.#raw(this.#open, Buffer.of(NEWLINE))
  }

  #take(key: string, data: Buffer, show: (rest: Buffer) => void): Buffer {
    const kept = this.#keptBound.take(data)
    if (kept.length > 0) this.#kept.push(kept)
    const bound = this.#bounds.get(key)?.bound ?? new BoundedOutput(SHOWN)
    this.#bounds.set(key, { bound, show })
    return bound.take(data)
  }

  #endBlocks(): void {
    const blocks = [...this.#blocks.values()].sort((a, b) => a.time - b.time)
    this.#blocks.clear()
    for (const { task, stream, time, origin, content, size } of blocks)
      this.#target.console({
        type: stream,
        content,
        taskId: task,
        time,
        size,
        ...(origin === undefined ? {} : { origin }),
      })
  }
}
