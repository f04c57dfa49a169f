// SPDX-License-Identifier: MIT
/** The life of a module: loaded, asked, left in the midst of dumps, unloaded. */
import { writeFileSync } from 'node:fs'
import { type Socket, SystemCallError } from '../../netlink/index.ts'
import { kernel } from '../kernel.ts'
import { discardReceived } from '../system-call.ts'
import type { LeakTrial, Maker } from './leak-trials.ts'
import type { Subject } from './subject.ts'

/** Repetitions of each request: what leaks by one of them must be more than slabGrowth() takes for noise. */
const REPETITIONS = 40
/** Other commands of which each in turn comes before a request, so often that each comes {@link REPETITIONS} times. */
const OTHERS = 6
/** Milliseconds of a round: commands may take their time, and then fewer requests are repeated. */
const ROUND = 7000
/** Requests in a datagram. With kmemleak one object that is lost is enough. */
export const AT_ONCE = kernel.hasKmemleak ? 8 : 20
/** Dumps that are started and left. */
const LEFT = 100

/**
 * The life of a module: loaded, asked, left in the midst of dumps, unloaded.
 * @param most repetitions of a request at most
 * @returns how many of the requests there was time for
 */
export async function live(
  subject: Subject,
  requests: readonly LeakTrial[],
  others: readonly Maker[],
  most = Infinity,
): Promise<number> {
  await subject.reload()
  const end = performance.now() + ROUND
  using requester = subject.open().withRoom()
  using listener = subject.open({ memberships: [...subject.family.groups.values()] }).withRoom()
  const earlier = others.map(other => other(0))
  let done = 0
  for (const { make, varies, isWhole } of requests) {
    if (performance.now() > end) break
    done++
    const count = Math.min(most, REPETITIONS * (isWhole ? Math.max(1, Math.min(OTHERS, others.length)) : 1))
    const same = varies ? undefined : make(0)
    for (let sent = 0; sent < count; sent += AT_ONCE) {
      // Other commands in turn make, change and remove what this one is about.
      const datagram = Array.from({ length: AT_ONCE }, (_, at) => sent + at).flatMap(number => {
        const other = (number + done) % others.length
        return [...earlier.slice(other, other + 1), same ?? make(number)]
      })
      requester.socket.send(Buffer.concat(datagram))
      discard(requester.socket, listener.socket)
    }
  }
  leaveDumps(subject)
  await subject.unload()
  const makers = requests.filter(({ varies }) => varies === 'all').map(({ make }) => make)
  // In one of both orders entries are made after those that others remove.
  for (const inOrder of [makers, makers.toReversed()]) await leaveEntries(subject, inOrder, most)
  return done
}

/** The module's life with one request again and again, each after the same others. */
export async function repeat(
  subject: Subject,
  earlier: readonly Buffer[],
  { make }: LeakTrial,
  times: number,
): Promise<void> {
  await subject.reload()
  using requester = subject.open().withRoom()
  using listener = subject.open({ memberships: [...subject.family.groups.values()] }).withRoom()
  for (let sent = 0; sent < times; sent += AT_ONCE) {
    const datagram = Array.from({ length: AT_ONCE }, (_, at) => [...earlier, make(sent + at)])
    requester.socket.send(Buffer.concat(datagram.flat()))
    discard(requester.socket, listener.socket)
  }
  await subject.unload()
  freeDelayed()
}

/** Unloads the module where entries are left in it. @param most of a kind at most */
async function leaveEntries(subject: Subject, makers: readonly Maker[], most: number): Promise<void> {
  await subject.load()
  using requester = subject.open().withRoom()
  for (const make of makers)
    for (let sent = 0; sent < Math.min(most, REPETITIONS); sent += AT_ONCE) {
      const datagram = Array.from({ length: AT_ONCE }, (_, at) => make(sent + at))
      requester.socket.send(Buffer.concat(datagram))
      discard(requester.socket)
    }
  await subject.unload()
}

/** kfree_rcu() may keep memory for seconds (KFREE_DRAIN_JIFFIES of kernel/rcu/tree.c); its shrinker does not. */
export function freeDelayed(): void {
  writeFileSync('/proc/sys/vm/drop_caches', '2')
}

function leaveDumps(subject: Subject): void {
  for (const operation of subject.dumps)
    for (let count = 0; count < LEFT; count++) {
      using requester = subject.open()
      requester.socket.send(subject.encode(operation))
      // Some are read for a while.
      if (count % 2 === 1) requester.socket.receiveReady()
    }
}

/** Nothing of what came is looked at. */
function discard(...sockets: readonly Socket[]): void {
  for (const { fd } of sockets)
    for (let isLost = true; isLost; )
      try {
        discardReceived(fd)
        isLost = false
      } catch (error) {
        if (!(error instanceof SystemCallError && error.code === 'ENOBUFS')) throw error
      }
}
