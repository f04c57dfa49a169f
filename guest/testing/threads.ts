import { getRandomValues } from 'node:crypto'
import { clearTimeout, setTimeout } from 'node:timers'
import { Worker } from 'node:worker_threads'
import { longestTimer } from '../agent/timers.ts'
import { xoroshiro128plus } from '../agent/xoroshiro128plus.ts'

/** The client library, as a thread gets it. */
export type Netlink = typeof import('../netlink/index.ts')

/** Where the library lies, from here: beside this in the guest's bundle, in the next folder among the sources. */
const library = new URL(
  import.meta.url.endsWith('.ts') ? '../netlink/index.ts' : './netlink.mjs',
  import.meta.url,
).href

const LIMIT = 60_000

/**
 * What every thread runs: pieces of work as text, one after the other. Each has random numbers of its own: a thread that was
 * started before a guest was saved would have the same ones in all that are restored of it.
 */
const code = `
  const { parentPort, workerData } = require('node:worker_threads')
  const generator = ${xoroshiro128plus}
  parentPort.on('message', async ({ work, input, seed }) => {
    try {
      Math.random = generator(seed)
      const netlink = await import(workerData)
      parentPort.postMessage({ value: await (0, eval)(work)(netlink, input) })
    } catch (error) {
      parentPort.postMessage({ error })
    }
  })`

type Answer<Output> = { readonly value: Output } | { readonly error: unknown }

/** Threads that have no work: starting one and loading the library takes a second of processor time in a slow guest. */
const idle: Worker[] = []

/**
 * Runs `work` in a thread of its own, at the same time as others: it has its own sockets, event loop and, on a machine with
 * several, CPU. `work` goes there as text: all it can use is the library, what it is given as `input`, and globals. (No
 * `using` either: Vite makes calls of a helper of it.)
 * @throws what `work` threw; Error when it does not end in time
 */
export async function inThread<Input, Output>(
  input: Input,
  work: (netlink: Netlink, input: Input) => Output | Promise<Output>,
  { limit = LIMIT }: { limit?: number } = {},
): Promise<Output> {
  const thread = idle.pop() ?? new Worker(code, { eval: true, workerData: library })
  thread.ref()
  let timer: NodeJS.Timeout | undefined
  try {
    const answer = await new Promise<Answer<Output>>((resolve, reject) => {
      const late = () => reject(new Error(`the thread did not end within ${limit / 1000} s`))
      timer = setTimeout(late, Math.min(limit, longestTimer))
      thread.once('message', resolve)
      thread.once('error', reject)
      thread.once('exit', () => reject(new Error('the thread ended without a result')))
      thread.postMessage({
        work: `(${work.toString()})`,
        input,
        seed: getRandomValues(new BigUint64Array(2)),
      })
    })
    // Not all at once: node has some of its own on it.
    for (const event of ['message', 'error', 'exit']) thread.removeAllListeners(event)
    // It does not keep the process; what it left open, its next work does not see.
    thread.unref()
    idle.push(thread)
    if ('error' in answer) throw answer.error
    return answer.value
  } catch (error) {
    if (!idle.includes(thread)) await thread.terminate()
    throw error
  } finally {
    clearTimeout(timer)
  }
}
