import { Worker } from 'node:worker_threads'

/** The client library, as a thread gets it. */
export type Netlink = typeof import('../netlink/index.ts')

/** Where the library lies, from here: beside this in the guest's bundle, in the next folder among the sources. */
const library = new URL(
  import.meta.url.endsWith('.ts') ? '../netlink/index.ts' : './netlink.mjs',
  import.meta.url,
).href

const LIMIT = 60_000

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
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.library)
      .then(netlink => (${work.toString()})(netlink, workerData.input))
      .then(value => parentPort.postMessage({ value }))`
  const thread = new Worker(code, { eval: true, workerData: { library, input } })
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<Output>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`the thread did not end within ${limit / 1000} s`)), limit)
      thread.once('message', ({ value }: { value: Output }) => resolve(value))
      thread.once('error', reject)
      thread.once('exit', () => reject(new Error('the thread ended without a result')))
    })
  } finally {
    clearTimeout(timer)
    await thread.terminate()
  }
}
