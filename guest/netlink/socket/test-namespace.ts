// SPDX-License-Identifier: MIT
/** A network namespace for tests: it has the loopback device only, and nothing outside changes. */
import { closeSync, openSync } from 'node:fs'
import koffi from 'koffi'
import { inNamespace } from './namespace.ts'

const CLONE_NEWNET = 0x40000000
// glibc's unshare affects the calling thread, as the system call does
const unshare = koffi.load(null).func('int unshare(int)') as (flags: number) => number

export class TestNamespace implements Disposable {
  /** The descriptor to open sockets by: `Socket.open(protocol, { namespace: fd })`. */
  readonly fd: number

  constructor() {
    const home = openSync('/proc/thread-self/ns/net', 'r')
    try {
      // the thread returns to its own namespace afterwards
      this.fd = inNamespace(home, () => {
        if (unshare(CLONE_NEWNET) !== 0) throw new Error('unshare: no permission')
        return openSync('/proc/thread-self/ns/net', 'r')
      })
    } finally {
      closeSync(home)
    }
  }

  /** Its path for other processes on this machine, for `nsenter --net=`. */
  get path(): string {
    return `/proc/${process.pid}/fd/${this.fd}`
  }

  [Symbol.dispose](): void {
    closeSync(this.fd)
  }
}

/** Whether namespaces can be made: as root, and outside of sandboxes that forbid it. */
export const canMakeNamespaces = (() => {
  try {
    new TestNamespace()[Symbol.dispose]()
    return true
  } catch {
    return false
  }
})()
