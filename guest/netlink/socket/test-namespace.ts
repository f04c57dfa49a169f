/** A network namespace for tests: nothing in it but the loopback device, and nothing outside changes. */
import { closeSync, openSync } from 'node:fs'
import koffi from 'koffi'
import { inNamespace } from './namespace.ts'

const CLONE_NEWNET = 0x40000000
// glibc's unshare is of the calling thread, as the system call is
const unshare = koffi.load(null).func('int unshare(int)') as (flags: number) => number

export class TestNamespace implements Disposable {
  /** The descriptor to open sockets by: `Socket.open(protocol, { namespace: fd })`. */
  readonly fd: number

  constructor() {
    const home = openSync('/proc/thread-self/ns/net', 'r')
    try {
      // back to where it was when it is made
      this.fd = inNamespace(home, () => {
        if (unshare(CLONE_NEWNET) !== 0) throw new Error('unshare: no permission')
        return openSync('/proc/thread-self/ns/net', 'r')
      })
    } finally {
      closeSync(home)
    }
  }

  /** As the path that other processes on this machine know it by, for `nsenter --net=`. */
  get path(): string {
    return `/proc/${process.pid}/fd/${this.fd}`
  }

  [Symbol.dispose](): void {
    closeSync(this.fd)
  }
}

/** Whether the tests that need one can run: as root, and outside of sandboxes that forbid it. */
export const canMakeNamespaces = (() => {
  try {
    new TestNamespace()[Symbol.dispose]()
    return true
  } catch {
    return false
  }
})()
