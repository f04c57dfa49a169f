// SPDX-License-Identifier: MIT
import { closeSync, fstatSync, openSync, readFileSync, writeSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import type { Socket } from '../netlink/index.ts'
import { requireBuiltIns } from './built-ins.ts'
import { kernel } from './kernel.ts'
import { discardReceived } from './system-call.ts'

/**
 * The growth of slab caches in objects, by name: `{ 'kmalloc-32': 1024 }`. `pages` are the pages of all
 * caches that cannot be reclaimed, and those that kmalloc() allocates directly for objects too large for a
 * cache.
 */
export type SlabGrowth = Readonly<Record<string, number>>

/**
 * The growth of the kernel's slab caches in a round of `work`, in objects: `{}` if nothing is left behind.
 * For each cache it is the least growth of several rounds, because a leak grows in each of them, and other
 * work of the system does not. It ends once each cache has had a quiet round; a round in which a cache shrank
 * does not count as quiet, for that may hide a leak. Reclaimable memory (inodes, for instance) and a growth
 * of a few objects do not count.
 *
 * On kernels with kmemleak, which are slow, `work` runs once and the result is `{}`: there each object that
 * nothing points to any more fails the file at its end. Growth that is still pointed to is found on other
 * kernels.
 *
 * @throws Error where the kernel has no figures (without CONFIG_SLUB_DEBUG)
 */
export async function slabGrowth(work: () => void | Promise<void>, rounds = 5): Promise<SlabGrowth> {
  requireBuiltIns()
  if (kernel.hasKmemleak) {
    await work()
    return {}
  }
  slabs.forgetClosed()
  /** The caches without a quiet round, each with its least growth in a round in which it grew. */
  let suspects: ReadonlyMap<string, number> | undefined
  let before: ReadonlyMap<string, number> = slabs.objectsInUse()
  for (let round = 0; round < rounds && suspects?.size !== 0; round++) {
    await work()
    const { changes, now } = await slabs.changesSince(before)
    before = now
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
  return Object.fromEntries([...(suspects ?? [])].filter(([, grown]) => grown < Infinity))
}

/**
 * Objects by which a cache may grow without a leak: those that others allocate, and a CPU's reserve (of 28
 * objects on 7.3).
 */
const NOISE = 32
/** How often growth is checked, and the milliseconds between: RCU grace periods take some tens of them. */
const LOOKS = 5
const UNTIL_NEXT_LOOK = 25

/** The sockets of {@link slabGrowthBy}, and how they send. */
export interface Senders {
  /** The sender, and the sockets that are notified. All that they receive is read and discarded. */
  readonly sockets: readonly [Socket, ...Socket[]]
  /** Requests in a datagram; 8 if not given. */
  readonly batch?: number
  /** Sends in place of `sender.send()`. */
  readonly send?: (sender: Socket, datagram: Buffer) => void
}

/**
 * Requests in a round: with 8 in a datagram, a leak of one object in each datagram is well above {@link
 * NOISE}.
 */
const REQUESTS = kernel.hasKmemleak ? 256 : 1024
const BATCH = 8
/** Requests before all is read: what they cause has to fit into a receive buffer. */
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
 * The caches of the kernel's slab allocator. It counts the objects that a CPU keeps for its next allocations
 * as in use; shrinking a cache gives them back, so that the count is exact but for later allocations.
 */
class SlabCaches {
  /**
   * The file that shrinks each cache, by cache name. They stay open: the kernel's memory for an open file of
   * sysfs is counted too, and freed late.
   */
  readonly #shrink = new Map<string, OpenFile>()

  /** @throws Error where the kernel has no figures */
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
        // The cache was removed with its module, and may exist again.
        if ((error as NodeJS.ErrnoException).code !== 'ENODEV') throw error
        closeSync(fd)
        this.#shrink.delete(cache)
      }
    }
  }

  /** A test may have closed the descriptors, and opened other files with the same numbers. */
  forgetClosed(): void {
    for (const [cache, file] of this.#shrink) if (!file.isOpen) this.#shrink.delete(cache)
  }

  /**
   * The caches that have grown or shrunk by more than {@link NOISE}, with the number of objects. Growth is
   * checked again for a while: much memory (credentials, open files) is freed after an RCU grace period,
   * whose end cannot be awaited.
   */
  async changesSince(
    before: ReadonlyMap<string, number>,
  ): Promise<{ changes: ReadonlyMap<string, number>; now: ReadonlyMap<string, number> }> {
    for (let look = 1; ; look++) {
      const now = this.objectsInUse()
      const changes = new Map(
        [...now]
          .map(([cache, objects]): [string, number] => [cache, objects - (before.get(cache) ?? 0)])
          .filter(([cache, change]) => Math.abs(change) > NOISE && !this.#isReclaimable(cache)),
      )
      if (look === LOOKS || ![...changes.values()].some(change => change > 0)) return { changes, now }
      await setTimeout(UNTIL_NEXT_LOOK)
    }
  }

  /** A cache that has gone with its module is not. */
  #isReclaimable(cache: string): boolean {
    if (cache === PAGES) return false
    try {
      return readFileSync(`/sys/kernel/slab/${cache}/reclaim_account`, 'utf8').startsWith('1')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      return false
    }
  }
}

/** A file by its descriptor, which tests can close. */
class OpenFile {
  readonly fd: number
  readonly #identity: string

  constructor(path: string) {
    this.fd = openSync(path, 'w')
    this.#identity = identityOf(this.fd)
  }

  /** Whether the descriptor still refers to that file. */
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
 * '1', padded so that the kernel's copy takes an object of 128 bytes: a slab of 8-byte objects has 512, which
 * all count as in use once one is.
 */
const YES = Buffer.alloc(120, '1')
const PAGES = 'pages'

/**
 * The first two columns of /proc/slabinfo (mm/slab_common.c): name and active_objs. Several caches may have
 * the same name.
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
