// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import type { Socket } from '../netlink/index.ts'
import { observer } from '../netlink/socket/observer.ts'
import { asIn } from './entered-namespace.ts'
import { setns, unshare } from './system-call.ts'
import { CAP_NET_ADMIN, refuseAsync } from './user.ts'

const CLONE_NEWNET = 0x40000000
/** Milliseconds that the child may take: this thread waits for it, so no test's limit can end it. */
const LIMIT = 20_000

/** Whether the kernel has user namespaces. */
export const hasUserNamespaces = existsSync('/proc/self/ns/user')

/**
 * A new network namespace, which exists as long as this object and the sockets opened in it.
 *
 *     using elsewhere = new NetworkNamespace()
 *     await vethBetween({ name: 'v0' }, { name: 'v1', namespace: elsewhere })
 *     using there = Socket.open(NETLINK_ROUTE, { namespace: elsewhere.fd })
 */
export class NetworkNamespace implements Disposable {
  #fd: number | undefined

  /** @throws SystemCallError EPERM without CAP_SYS_ADMIN, EINVAL for a kernel without network namespaces */
  constructor() {
    this.#fd = atHome(() => {
      unshare(CLONE_NEWNET)
      return openOwn()
    })
  }

  /**
   * A descriptor of it, as IFLA_NET_NS_FD, setns(2) and `Socket.open()` take one. Disposing closes it.
   * @throws Error after disposal
   */
  get fd(): number {
    if (this.#fd === undefined) throw new Error('this network namespace was disposed of')
    return this.#fd
  }

  /**
   * Its path for programs: `nsenter --net=PATH`. It exists until disposal.
   * @throws Error after disposal
   */
  get path(): string {
    return `/proc/${process.pid}/fd/${this.fd}`
  }

  /**
   * Runs `action` in it: sockets opened there stay in it. Only the calling thread enters it, and only until
   * `action` returns.
   * @throws TypeError for an async function, which would leave the namespace at its first await
   */
  run<T>(action: () => T): T {
    refuseAsync(action)
    const { fd } = this
    return atHome(() => {
      setns(fd, CLONE_NEWNET)
      return asIn(fd, action)
    })
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}

/** Runs `action`, and returns to the namespace where it began. */
function atHome<T>(action: () => T): T {
  const home = openOwn()
  try {
    try {
      return action()
    } finally {
      setns(home, CLONE_NEWNET)
    }
  } finally {
    closeSync(home)
  }
}

/** Node does a synchronous open on the calling thread, so this is that thread's namespace. */
function openOwn(): number {
  return openSync('/proc/thread-self/ns/net', 'r')
}

/**
 * Sends bytes to the kernel on `socket` from a user namespace in which the sender has all capabilities, and
 * none outside. A process with several threads cannot enter a user namespace, so a child does: a shell that
 * inherits the socket and writes to it. Answers come to `socket` as usual.
 */
export function sendFromUserNamespace(socket: Socket, bytes: Uint8Array): void {
  observer?.sending?.(socket, bytes, undefined)
  const { status, stdout, stderr, error } = spawnSync(
    'unshare',
    ['-U', '-r', 'sh', '-c', 'grep CapEff /proc/self/status && exec cat >&3'],
    { input: bytes, stdio: ['pipe', 'pipe', 'pipe', socket.fd], encoding: 'utf8', timeout: LIMIT },
  )
  if (error) throw error
  if (status !== 0) throw new Error(`unshare ended with status ${status}: ${stderr}`)
  const capabilities = BigInt(`0x${/CapEff:\s*(\w+)/.exec(stdout)?.[1] ?? 0}`)
  if ((capabilities & (1n << BigInt(CAP_NET_ADMIN))) === 0n)
    throw new Error(`the sender had no CAP_NET_ADMIN in its own user namespace: ${stdout}`)
  observer?.sent(socket, bytes, undefined, undefined)
}
