// SPDX-License-Identifier: MIT
import { Console } from 'node:console'
import { relative } from 'node:path'
import type { ConsoleOutput } from './protocol.ts'

/** The parts of Vitest's worker state that tell which task prints. */
export interface PrintingState {
  readonly config: {
    readonly root: string
    readonly printConsoleTrace?: boolean
    readonly disableColors?: boolean
  }
  readonly current?: { readonly id: string; readonly file?: { readonly id: string } } | undefined
}

type Printed = Extract<ConsoleOutput, { type: 'console' }>

const { queueMicrotask } = globalThis
const { now } = Date
/** Most characters in one message. */
const PIECE = 64 * 1024
/** Calls without a pause that make a flood, which is sent in pieces. */
const FLOOD = 1_000

/**
 * The console of tests: as Vitest's (createCustomConsole of vitest 5.1.1), but text is sent before the call
 * returns, so that it survives whatever the test does next. Only the last piece of a flood is sent at its
 * end. Text printed without a pause is one block, whose end is sent in a microtask.
 */
export function createTestConsole(state: PrintingState, send: (output: ConsoleOutput) => void): Console {
  let calls = 0
  let held: Printed | undefined
  const sendHeld = () => {
    if (held) send(held)
    held = undefined
  }
  const endBlock = () => {
    sendHeld()
    calls = 0
    send({ type: 'console-pause' })
  }
  const hold = (printed: Printed) => {
    if (held && (held.stream !== printed.stream || held.task !== printed.task)) sendHeld()
    held = held ? { ...held, content: held.content + printed.content } : printed
    if (held.content.length >= PIECE) sendHeld()
  }
  const sink = (stream: 'stdout' | 'stderr') =>
    ({
      write(content: string) {
        const { config, current } = state
        const task = current?.id ?? current?.file?.id ?? caller(config.root)
        const origin = config.printConsoleTrace ? originOf(stream) : undefined
        if (calls++ === 0) queueMicrotask(endBlock)
        const take = calls > FLOOD && origin === undefined ? hold : send
        for (let at = 0; at === 0 || at < content.length; at += PIECE)
          take({
            type: 'console',
            stream,
            task,
            time: now(),
            content: content.slice(at, at + PIECE) || '<empty line>',
            ...(origin === undefined ? {} : { origin }),
          })
        return true
      },
      on() {},
      once() {},
      removeListener() {},
      listenerCount: () => 0,
    }) as unknown as NodeJS.WritableStream
  return new Console({
    stdout: sink('stdout'),
    stderr: sink('stderr'),
    ignoreErrors: false,
    colorMode: state.config.disableColors !== true,
    groupIndentation: 2,
  })
}

/** The file that printed while no task runs. */
function caller(root: string): string {
  const stack = stackOf(0)
  const index = stack.findIndex(line => line.includes('at Console.value'))
  const file = /at\s(.*)\s?/.exec(stack[index + 2] ?? '')?.[1]
  return index >= 0 && file ? relative(root, file) : '__vitest__unknown_test__'
}

/** The place of the call; console.trace() prints it itself. */
function originOf(stream: 'stdout' | 'stderr'): string | undefined {
  const stack = stackOf(6)
  if (stream === 'stderr' && stack.some(line => line.includes('at Console.trace'))) return undefined
  const index = stack.findLastIndex(line => line.includes('at Console.') || line.includes('at console.'))
  return stack.slice(index + 1).join('\n')
}

function stackOf(more: number): string[] {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = limit + more
  const { stack } = new Error('STACK_TRACE')
  Error.stackTraceLimit = limit
  return stack?.split('\n') ?? []
}
