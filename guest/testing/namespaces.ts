import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import type { Socket } from '../netlink/index.ts'
import { setns, unshare } from './system-call.ts'
import { CAP_NET_ADMIN, refuseAsync } from './user.ts'

const CLONE_NEWNET = 0x40000000
/** Milliseconds that the child may take: this thread waits for it, so that no test's own limit would end it. */
const LIMIT = 20_000

/** Whether the kernel was built with user namespaces. */
export const hasUserNamespaces = existsSync('/proc/self/ns/user')

/** A network namespace of its own, which lives as long as this and the sockets opened in it. */
export class NetworkNamespace implements Disposable {
  readonly #fd: number

  /** @throws SystemCallError EPERM without CAP_SYS_ADMIN, EINVAL for a kernel without network namespaces */
  constructor() {
    const home = openOwn()
    try {
      unshare(CLONE_NEWNET)
      try {
        this.#fd = openOwn()
      } finally {
        setns(home, CLONE_NEWNET)
      }
    } finally {
      closeSync(home)
    }
  }

  /**
   * Runs `action` in it: sockets opened there belong to it for good. Only the calling thread is there, and only until
   * `action` returns.
   * @throws TypeError for an async function: from its first await on it would be outside
   */
  run<T>(action: () => T): T {
    refuseAsync(action)
    const home = openOwn()
    try {
      setns(this.#fd, CLONE_NEWNET)
      try {
        return action()
      } finally {
        setns(home, CLONE_NEWNET)
      }
    } finally {
      closeSync(home)
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }
}

/** A synchronous open is done by the calling thread itself, whose namespace it therefore is. */
function openOwn(): number {
  return openSync('/proc/thread-self/ns/net', 'r')
}

/**
 * Sends bytes to the kernel on `socket` from a user namespace in which the sender has all capabilities, and none
 * outside. No process with more than one thread can enter a user namespace, so a child does it: a shell that inherits
 * the socket and writes to it. Answers come to `socket` as ever.
 */
export function sendFromUserNamespace(socket: Socket, bytes: Uint8Array): void {
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
}
