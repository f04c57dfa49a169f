// SPDX-License-Identifier: MIT
/** A thread that ends the process when a configuration has blocked its event loop for too long. */
import { writeSync } from 'node:fs'
import { workerData } from 'node:worker_threads'

/** The thread's data. */
export interface LoadLimit {
  /** Milliseconds. */
  readonly limit: number
  /** What to write to stderr then, with its newline. */
  readonly words: string
  readonly status: number
}

const { limit, words, status } = workerData as LoadLimit

setTimeout(async () => {
  writeSync(2, words)
  // In a thread process.exit() ends the thread only.
  const { default: koffi } = await import('koffi')
  koffi.load(null).func('void _exit(int status)')(status)
}, limit)
