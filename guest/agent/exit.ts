// SPDX-License-Identifier: MIT
import fs from 'node:fs'
import { inspect } from 'node:util'
import koffi from 'koffi'

const libc = koffi.load('libc.so.6')
const exitNow = libc.func('void _exit(int status)') as (status: number) => void
const dlsym = libc.func('uintptr_t dlsym(void *, const char *)') as (
  library: null,
  name: string,
) => bigint | number
const onExit = libc.func('int on_exit(uintptr_t, void *)') as (
  address: bigint | number,
  argument: null,
) => number

/** Members of `process` that its types lack. */
interface Ending {
  reallyExit(code?: number): never
  _fatalException(error: unknown, fromPromise: boolean): boolean
}

/**
 * Makes this process end at once, in every way. Node waits for its thread pool (uv_library_shutdown, libuv
 * 1.38), in which one thread reads from the host for as long as the host is silent.
 */
export function endAtOnce(): void {
  const ending = process as unknown as Ending
  const { _fatalException: handle } = ending
  const { writeSync } = fs
  const status = () => Number(process.exitCode ?? 0)
  ending.reallyExit = (code = status()) => exitNow(code) as never
  // Uncaught errors: node would print them, and then wait.
  ending._fatalException = (error, fromPromise) => {
    let broken: { readonly by: unknown } | undefined
    try {
      if (handle.call(process, error, fromPromise)) return true
    } catch (by) {
      // What tells of errors needs what a test has broken. The stacks are ours.
      broken = { by }
    }
    try {
      const text = broken
        ? `Uncaught: ${String(error)}\nwhich could not be told: ${String(broken.by)}`
        : `Uncaught:\n${inspect(error)}`
      writeSync(2, `${text}\n`)
    } finally {
      exitNow(1)
    }
    return false
  }
  // For exit(3), called by a test through a library. glibc passes the status.
  onExit(dlsym(null, '_exit'), null)
}
