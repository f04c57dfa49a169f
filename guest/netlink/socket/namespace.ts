// SPDX-License-Identifier: MIT
/** Network namespaces: network_namespaces(7), setns(2). */
import { closeSync, openSync } from 'node:fs'
import { SystemCallError } from './errors.ts'
import { errno, setns } from './libc.ts'

const CLONE_NEWNET = 0x40000000

/**
 * Runs `action` in another network namespace: sockets that it opens stay there. Only the calling thread
 * enters it, and only until `action` returns, which therefore must not be asynchronous.
 * @param namespace a path ('/run/netns/blue', '/proc/1234/ns/net'), or a descriptor of such a file
 * @throws SystemCallError EPERM without CAP_SYS_ADMIN, EINVAL for what is no network namespace
 */
export function inNamespace<T>(namespace: string | number, action: () => T): T {
  // node does a synchronous open on the calling thread
  const home = openSync('/proc/thread-self/ns/net', 'r')
  try {
    const target = typeof namespace === 'string' ? openSync(namespace, 'r') : namespace
    try {
      enter(target)
    } finally {
      if (target !== namespace) closeSync(target)
    }
    try {
      return action()
    } finally {
      enter(home)
    }
  } finally {
    closeSync(home)
  }
}

function enter(fd: number): void {
  if (setns(fd, CLONE_NEWNET) !== 0) throw new SystemCallError('setns', errno())
}
