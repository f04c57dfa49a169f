import { closeSync, fstatSync, openSync, readFileSync, writeSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import type { Socket } from '../netlink/index.ts'
import { requireBuiltIns } from './built-ins.ts'
import { kernel } from './kernel.ts'
import { discardReceived } from './system-call.ts'

/**
 * By how many objects each slab cache has grown, by its name: `{ 'kmalloc-32': 1024 }`. `pages` are those of
 * all caches that cannot be reclaimed, and of what kmalloc() allocates by the page because it is larger than
 * any cache's objects.
 */
export type SlabGrowth = Readonly<Record<string, number>>

/**
 * By how many objects the kernel's slab caches grow in a round of `work`, if by more than a few: `{}` where
 * nothing is left of it. For each cache it is the least of several rounds, because what leaks grows in every
 * one, and what the rest of the system does meanwhile does not. Nothing further is done once each cache has
 * had a quiet round; one in which it shrank is not quiet, for that may have hidden a leak. Memory that the
 * kernel takes back when it needs it (inodes, say) does not count.
 *
 * On kernels with kmemleak `work` runs once and the answer is `{}`: each single object that nothing points to
 * any more fails the file at its end, and those kernels are slow. What grows and is still pointed to, other
 * kernels find.
 *
 * @throws Error where the kernel does not tell (without CONFIG_SLUB_DEBUG)
 */
export async function slabGrowth(work: () => void | Promise<void>, rounds = 5): Promise<SlabGrowth> {
  requireBuiltIns()
  if (kernel.hasKmemleak) {
    await work()
    return {}
  }
  slabs.forgetClosed()
  /** Those that have not had a quiet round, each by how much it grew at least in a round that it grew in. */
  let suspects: ReadonlyMap<string, number> | undefined
  for (let round = 0; round < rounds && suspects?.size !== 0; round++) {
    const before = slabs.objectsInUse()
    await work()
    const changes = await slabs.changesSince(before)
    const earlier = suspects
    suspects = new Map(
      [...changes]
        .filter(([cache]) => earlier?.has(cache) ?? true)
        .map(([cache, change]) => [
          cache,
          Math.min(earlier?.get(cache) ?? Infinity, change > 0 ? change : Infinity),
        ]),
    )
  }
  return Object.fromEntries(
    [...(suspects ?? [])].filter(([cache, grown]) => grown < Infinity && !slabs.isReclaimable(cache)),
  )
}

/**
 * Objects that a cache may have more of and nothing leaks: a few that others allocate, and what a CPU has at
 * hand (28, on 7.3).
 */
const NOISE = 32
/** How often what grew is looked at, and the milliseconds between: grace periods end in some tens of them. */
const LOOKS = 5
const UNTIL_NEXT_LOOK = 25

/** What hundreds of requests are sent by. */
export interface Senders {
  /** The sender, and those that hear of it. All that they receive is read and forgotten. */
  readonly sockets: readonly [Socket, ...Socket[]]
  /** How many requests go into a datagram; default 8. */
  readonly batch?: number
  /** How the sender sends, where it is not by itself. */
  readonly send?: (sender: Socket, datagram: Buffer) => void
}

/** Of each request in a round: with 8 in a datagram, one object for each datagram is four times the noise. */
const REQUESTS = kernel.hasKmemleak ? 256 : 1024
const BATCH = 8
/** Requests until all is read: so few that what they cause fits into a receive buffer. */
const UNREAD = 64

/** {@link slabGrowth} of a thousand equal requests. */
export async function slabGrowthBy(
  request: Buffer,
  { sockets, batch = BATCH, send = (sender, datagram) => sender.send(datagram) }: Senders,
): Promise<SlabGrowth> {
  const datagram = Buffer.concat(Array.from({ length: batch }, () => request))
  for (const socket of sockets) socket.setReceiveBuffer(1 << 20, { force: true })
  return await slabGrowth(() => {
    for (let sent = 0; sent < REQUESTS; ) {
      for (const end = sent + UNREAD; sent < end; sent += batch) send(sockets[0], datagram)
      for (const socket of sockets) discardReceived(socket.fd)
    }
  })
}

/**
 * The caches of the kernel's slab allocator. It counts as in use what a CPU keeps at hand for its next
 * allocations, up to 512 objects of a cache (of 8 bytes); shrinking a cache gives that back, so that what is
 * counted then is exact but for what has been allocated since.
 */
class SlabCaches {
  /**
   * What shrinks each, by its name. Open all the time: what the kernel allocates for an open file of sysfs is
   * among what is counted, and freed late.
   */
  readonly #shrink = new Map<string, OpenFile>()

  /** @throws Error where the kernel does not tell */
  objectsInUse(): Map<string, number> {
    this.#shrinkAll()
    try {
      const known = inUse()
      const fresh = [...known.keys()].filter(cache => cache !== PAGES && !this.#shrink.has(cache))
      if (fresh.length === 0) return known
      for (const cache of fresh) this.#shrink.set(cache, new OpenFile(`/sys/kernel/slab/${cache}/shrink`))
    } catch (error) {
      const { message } = error as Error
      throw new Error(
        `what the kernel's slab caches hold is not told (${message}): it takes CONFIG_SLUB_DEBUG=y, /proc and /sys`,
        { cause: error },
      )
    }
    return this.objectsInUse()
  }

  #shrinkAll(): void {
    for (const [cache, { fd }] of this.#shrink) {
      try {
        writeSync(fd, YES)
      } catch (error) {
        // It went with the module that had made it, and may have come back as another.
        if ((error as NodeJS.ErrnoException).code !== 'ENODEV') throw error
        closeSync(fd)
        this.#shrink.delete(cache)
      }
    }
  }

  /** A test may have closed what it does not know, and opened others by the same numbers. */
  forgetClosed(): void {
    for (const [cache, file] of this.#shrink) if (!file.isOpen) this.#shrink.delete(cache)
  }

  /**
   * The caches that have grown or shrunk by more than {@link NOISE}, each by how many objects. What grew is
   * looked at again for a while: much of what is freed (credentials, open files) is so after a grace period
   * of RCU, of whose end there is no news.
   */
  async changesSince(before: ReadonlyMap<string, number>): Promise<Map<string, number>> {
    for (let look = 1; ; look++) {
      const changes = new Map(
        [...this.objectsInUse()]
          .map(([cache, objects]): [string, number] => [cache, objects - (before.get(cache) ?? 0)])
          .filter(([, change]) => Math.abs(change) > NOISE),
      )
      if (look === LOOKS || ![...changes.values()].some(change => change > 0)) return changes
      await setTimeout(UNTIL_NEXT_LOOK)
    }
  }

  isReclaimable(cache: string): boolean {
    return (
      cache !== PAGES && readFileSync(`/sys/kernel/slab/${cache}/reclaim_account`, 'utf8').startsWith('1')
    )
  }
}

/** A file by its descriptor, which others can close. */
class OpenFile {
  readonly fd: number
  readonly #identity: string

  constructor(path: string) {
    this.fd = openSync(path, 'w')
    this.#identity = identityOf(this.fd)
  }

  /** Whether the descriptor still is of that file. */
  get isOpen(): boolean {
    try {
      return identityOf(this.fd) === this.#identity
    } catch {
      return false
    }
  }
}

function identityOf(fd: number): string {
  const { dev, ino } = fstatSync(fd)
  return `${dev} ${ino}`
}

const slabs = new SlabCaches()

/**
 * '1', at a length that the kernel keeps among its objects of 128 bytes: for one byte it would take one of 8,
 * of which a slab has 512, all of them counted as in use as soon as one is.
 */
const YES = Buffer.alloc(120, '1')
const PAGES = 'pages'

/**
 * The first two columns of /proc/slabinfo (mm/slab_common.c): name and active_objs. Two caches may have the
 * same name.
 */
function inUse(): Map<string, number> {
  const caches = new Map<string, number>()
  for (const [, cache = '', objects] of readFileSync('/proc/slabinfo', 'utf8').matchAll(
    /^(?!#)(\S+) +(\d+) /gm,
  ))
    caches.set(cache, (caches.get(cache) ?? 0) + Number(objects))
  const [, kibibytes] = /^SUnreclaim: +(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8')) ?? []
  caches.set(PAGES, Number(kibibytes) / 4)
  return caches
}
