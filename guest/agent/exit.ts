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

/** What of `process` decides how it ends, beside what its types tell. */
interface Ending {
  reallyExit(code?: number): never
  _fatalException(error: unknown, fromPromise: boolean): boolean
}

/**
 * Lets this process end at once, however it ends. Node would wait for its thread pool, one thread of which reads from the host until
 * the host says something (uv_library_shutdown, libuv 1.38).
 */
export function endAtOnce(): void {
  const ending = process as unknown as Ending
  const { _fatalException: handle } = ending
  const { writeSync } = fs
  const status = () => Number(process.exitCode ?? 0)
  ending.reallyExit = (code = status()) => exitNow(code) as never
  // What nobody catches: node would print it, and then wait.
  ending._fatalException = (error, fromPromise) => {
    if (handle.call(process, error, fromPromise)) return true
    try {
      writeSync(2, `Uncaught:\n${inspect(error)}\n`)
    } finally {
      exitNow(1)
    }
    return false
  }
  // exit(3), by a test's own library calls. glibc calls it with the status.
  onExit(dlsym(null, '_exit'), null)
}
