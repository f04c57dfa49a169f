// SPDX-License-Identifier: MIT
import { getRandomValues } from 'node:crypto'
import { clearTimeout, setTimeout } from 'node:timers'
import { Worker } from 'node:worker_threads'
import { type ConversationHook, conversationHook, type ToldConversation } from '../agent/protocol.ts'
import { longestTimer } from '../agent/timers.ts'
import { xoroshiro128plus } from '../agent/xoroshiro128plus.ts'
import { addSpeaker } from './speakers.ts'

/** The client library, as `work` gets it. */
export type Netlink = typeof import('../netlink/index.ts')

/** The library: beside this file in the guest's bundle, in the next folder among the sources. */
const library = new URL(
  import.meta.url.endsWith('.ts') ? '../netlink/index.ts' : './netlink.mjs',
  import.meta.url,
).href

const LIMIT = 60_000
/** Milliseconds in which a thread that is late has to say what its sockets have said: one that waits can. */
const LAST_WORDS = 1000

/**
 * The code of every thread: runs pieces of work, given as source, one after the other. Each gets random
 * numbers of its own, because a thread that was started before its guest was saved would repeat the same ones
 * in all restored guests.
 */
const code = `
  const { parentPort, workerData } = require('node:worker_threads')
  const generator = ${xoroshiro128plus}
  parentPort.on('message', async ({ work, input, seed }) => {
    if (work === undefined) return parentPort.postMessage({ said: said() })
    try {
      Math.random = generator(seed)
      const netlink = await import(workerData)
      hook()?.begin()
      parentPort.postMessage({ value: await (0, eval)(work)(netlink, input), said: said() })
    } catch (error) {
      parentPort.postMessage({ error, said: said() })
    }
  })
  const hook = () => globalThis[Symbol.for('${conversationHook}')]
  const said = () => {
    try {
      return hook()?.tell()
    } catch {
      // the work has replaced what this needs
    }
  }`

/** What its sockets have said, so far or with the result: since it was last told. */
interface Said {
  readonly said?: ToldConversation
}
type Answer<Output> = ({ readonly value: Output } | { readonly error: unknown }) & Said

/** Threads without work, kept because starting one and loading the library is slow in an emulated guest. */
const idle: Worker[] = []

/**
 * Runs `work` in a thread of its own, at the same time as others, with its own sockets and event loop. `work`
 * is passed as source: it can use the library, its `input`, and globals only.
 * @throws what `work` threw; Error if it does not end in time
 */
export async function inThread<Input, Output>(
  input: Input,
  work: (netlink: Netlink, input: Input) => Output | Promise<Output>,
  { limit = LIMIT }: { limit?: number } = {},
): Promise<Output> {
  // V8 knows of a waiting caller only after the wait, and a thread's error has the thread's lines only.
  const caller: { stack?: string } = {}
  Error.captureStackTrace(caller, inThread)
  const thread = idle.pop() ?? new Worker(code, { eval: true, workerData: library })
  thread.ref()
  const conversation = hook()?.current
  let timer: NodeJS.Timeout | undefined
  let told: (() => void) | undefined
  const tell = async () => {
    // One that has not answered yet is busy.
    if (told) return
    const isTold = await new Promise<boolean>(resolve => {
      const busy = setTimeout(resolve, LAST_WORDS, false)
      told = () => {
        clearTimeout(busy)
        resolve(true)
      }
      thread.postMessage({})
    })
    if (!isTold) unheard(thread.threadId, conversation)
  }
  const speaksNoMore = addSpeaker({ conversation, tell })
  try {
    const answer = await new Promise<Answer<Output>>((resolve, reject) => {
      const late = () => {
        const reason = `the thread did not end within ${limit / 1000} s`
        thread.removeAllListeners('message')
        thread.once('message', ({ said }: Said) => {
          hear(said, conversation)
          reject(new Error(reason))
        })
        const busy = () => reject(new Error(`${reason}, and is too busy to tell what its sockets have said`))
        timer = setTimeout(busy, LAST_WORDS)
        thread.postMessage({})
      }
      timer = setTimeout(late, Math.min(limit, longestTimer))
      thread.on('message', (message: Answer<Output> | Said) => {
        hear(message.said, conversation)
        if ('value' in message || 'error' in message) return resolve(message)
        told?.()
        told = undefined
      })
      thread.once('error', reject)
      thread.once('exit', () => reject(new Error('the thread ended without a result')))
      thread.postMessage({
        work: `(${work.toString()})`,
        input,
        seed: getRandomValues(new BigUint64Array(2)),
      })
    })
    // By name, because node has listeners of its own on it.
    for (const event of ['message', 'error', 'exit']) thread.removeAllListeners(event)
    // An idle thread does not keep the process alive.
    thread.unref()
    idle.push(thread)
    if ('error' in answer) throw answer.error
    return answer.value
  } catch (error) {
    if (!idle.includes(thread)) await thread.terminate()
    throw withLinesOf(caller.stack, error)
  } finally {
    clearTimeout(timer)
    speaksNoMore()
    told?.()
  }
}

const firstLine = /\n {4}at /

/** Puts a caller's lines before the error's own. @returns the error */
function withLinesOf(caller = '', error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { stack = '' } = error
  const [at, own] = [caller.search(firstLine), stack.search(firstLine)]
  const head = own === -1 ? stack : stack.slice(0, own)
  if (at !== -1) error.stack = head + caller.slice(at) + stack.slice(head.length)
  return error
}

/** This thread's record of what is said, which only guests have. */
function hook(): ConversationHook | undefined {
  return (globalThis as unknown as Record<symbol, ConversationHook | undefined>)[Symbol.for(conversationHook)]
}

/** Adds what a thread's sockets have said. */
function hear(said: ToldConversation | undefined, conversation: number | undefined): void {
  try {
    if (said) hook()?.hear(said, conversation)
  } catch {
    // the test has replaced what this needs, which is told elsewhere
  }
}

function unheard(thread: number, conversation: number | undefined): void {
  try {
    hook()?.unheard(thread, conversation)
  } catch {
    // as above
  }
}
