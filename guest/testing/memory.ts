import { readFileSync } from 'node:fs'
import type { Socket } from '../netlink/index.ts'
import { kernel } from './kernel.ts'
import { discardReceived } from './system-call.ts'

/** Bytes of the kernel's slab memory that cannot be reclaimed: where what is allocated and never freed adds up. */
export function unreclaimableSlab(): number {
  const [, kibibytes] = /^SUnreclaim:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8')) ?? []
  if (kibibytes === undefined) throw new Error('/proc/meminfo has no SUnreclaim')
  return Number(kibibytes) * 1024
}

/** Bytes between two readings that say nothing: the kernel counts in pages, and each CPU by itself. */
export const leakLimit = 32 * 1024

/**
 * By how many bytes unreclaimable slab memory grows in a round of `work`: the least of several rounds, because what leaks
 * grows in every one, and what the rest of the system does meanwhile does not. The first round does not count: it allocates
 * what is allocated once, and fills the gaps that earlier work has left in slabs. After it a quiet round is enough; one in which
 * memory was freed is not, for that may have hidden a leak.
 *
 * On kernels with kmemleak `work` runs once and the answer is 0: such kernels hold back what is freed (KASAN's quarantine), so
 * that slabs tell nothing there. Instead each single object that nothing points to any more fails the file at its end; what
 * grows and is still pointed to, other kernels find.
 */
export async function slabGrowth(work: () => void | Promise<void>, rounds = 5): Promise<number> {
  await work()
  if (kernel.hasKmemleak) return 0
  let least = Infinity
  for (let round = 0; round < rounds; round++) {
    const before = unreclaimableSlab()
    await work()
    const growth = unreclaimableSlab() - before
    least = Math.min(least, growth)
    if (Math.abs(growth) < leakLimit) break
  }
  return least
}

/** What thousands of requests are sent by. */
export interface Senders {
  /** The sender, and those that hear of it. All that they receive is read and forgotten. */
  readonly sockets: readonly [Socket, ...Socket[]]
  /** How many requests go into a datagram; default 64. */
  readonly batch?: number
  /** How the sender sends, where it is not by itself. */
  readonly send?: (sender: Socket, datagram: Buffer) => void
}

/**
 * Of each request in a round: a leak of 32 bytes, the least there is, adds up to four times the limit. kmemleak finds one of a
 * single object, and kernels with it are slow.
 */
const REQUESTS = kernel.hasKmemleak ? 256 : 4096
/**
 * Requests until all is read. Few, so that little is allocated at a time: thousands of unread messages make slabs come and go
 * by hundreds of KiB, in which a leak of 128 was missed (7.3).
 */
const UNREAD = 64

/** {@link slabGrowth} of thousands of equal requests: less than {@link leakLimit} where nothing is left of them. */
export async function slabGrowthBy(
  request: Buffer,
  { sockets, batch = UNREAD, send = (sender, datagram) => sender.send(datagram) }: Senders,
): Promise<number> {
  const datagram = Buffer.concat(Array.from({ length: batch }, () => request))
  for (const socket of sockets) socket.setReceiveBuffer(1 << 20, { force: true })
  return await slabGrowth(() => {
    for (let sent = 0; sent < REQUESTS; ) {
      for (const end = sent + UNREAD; sent < end; sent += batch) send(sockets[0], datagram)
      for (const socket of sockets) discardReceived(socket.fd)
    }
  })
}
