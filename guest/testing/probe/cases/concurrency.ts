// SPDX-License-Identifier: MIT
/** Several at once: dumps that take turns, entries that go while they are dumped, threads. */
import { align } from '../../../netlink/codec/integers.ts'
import type { Message } from '../../../netlink/index.ts'
import { inThread } from '../../threads.ts'
import { isTimeShort } from '../allowance.ts'
import { wordsOf } from '../answer.ts'
import type { Life } from '../life.ts'
import { addMany, MANY, severalDatagrams } from '../many.ts'
import { payloadsOf } from '../names.ts'
import { Shape, toldBy } from '../shape.ts'
import { FIRST } from '../variants.ts'

const THREADS = 3
/** Rounds of all requests in a thread, milliseconds after which there is none more, and for all of it. */
const ROUNDS = 40
const ENOUGH = 3000
const LIMIT = 25_000
/** Entries that go while they are dumped. */
const GOING = 40
/** Bytes of a dump's first datagram, where the reader is new: NLMSG_GOODSIZE with pages of 4 KiB. */
const FIRST_DATAGRAM = 3776

/** Two sockets read their dumps by turns, and each gets what it gets alone. */
export async function interleave({ subject, explored, requester, faults }: Life): Promise<void> {
  const adder = explored.writers.find(({ adds }) => adds)
  for (const operation of subject.dumps) {
    const what = `${subject.commandWords(operation.command)} (dump)`
    const alone = await requester.ask(operation)
    if (alone.code !== undefined) continue
    if (adder) await addMany(subject, requester, adder, severalDatagrams(alone.replies))
    const linesOf = (replies: typeof alone.replies) =>
      replies.map(reply => reply.payload.toString('latin1')).sort()
    const read = async () => {
      using socket = subject.open()
      return linesOf((await socket.ask(operation)).replies).join()
    }
    const before = await read()
    using one = subject.open()
    using other = subject.open()
    const dumps = [one.begin(operation), other.begin(operation)]
    for (let isMore = true; isMore; ) {
      const steps: boolean[] = []
      for (const dump of dumps) steps.push(await dump.step())
      isMore = steps.some(Boolean)
    }
    const after = await read()
    for (const dump of dumps) {
      const answer = dump.answer()
      faults.add(`${what}, two by turns`, answer.faults)
      if (before !== after || linesOf(answer.replies).join() === before) continue
      faults.add(`${what}, two by turns`, [`other entries than alone: ${wordsOf(answer)}`])
    }
  }
}

/** The variant of the first entry that comes while others go. */
const LATER = 1700

/** Entries go, and new ones come, between the datagrams of a dump: it must go on, and end. */
export async function removeWhileDumped({ subject, explored, requester, faults }: Life): Promise<void> {
  const [remover] = explored.removers
  const adder = remover?.adder ?? explored.writers.find(({ adds }) => adds)
  if (adder === undefined) return
  for (const operation of subject.dumps) {
    const { replies, code } = await requester.ask(operation)
    if (code !== undefined) continue
    const added = await addMany(subject, requester, adder, severalDatagrams(replies))
    const there = (await requester.ask(operation)).replies
    const change = async (from: number) => {
      for (let at = Math.max(0, from); at < Math.min(from + GOING, added.length) && !isTimeShort(); at++) {
        const entry = there.at(at)
        if (remover) {
          const own = payloadsOf(entry && toldBy(entry, subject.family.headerSize), remover.shape.types)
          await requester.ask(remover.shape.operation, remover.shape.attributes(added[at] ?? MANY, own))
        }
        if (at % 8 === 0) await requester.ask(adder.shape.operation, adder.shape.attributes(LATER + at))
      }
    }
    using reader = subject.open()
    const dump = reader.begin(operation)
    // The kernel has filled the first datagram, and fills the next one when that is read.
    await change(filling(there) - GOING / 2)
    for (let isMore = true, next = 0; isMore; next += GOING) {
      isMore = await dump.step()
      await change(next)
    }
    faults.add(`${subject.commandWords(operation.command)} (dump) while entries go`, dump.answer().faults)
  }
}

/** How many of a dump's messages are in its first datagram. */
function filling(messages: readonly Message[]): number {
  let bytes = 0
  const next = messages.findIndex(({ length }) => {
    bytes += align(length)
    return bytes > FIRST_DATAGRAM
  })
  return next < 0 ? messages.length : next
}

interface ThreadInput {
  readonly requests: readonly string[]
  readonly rounds: number
  readonly from: number
  /** Milliseconds after which it sends no more. */
  readonly enough: number
}

/** All requests from several threads, each with its own socket; then each is still answered. */
export async function askInThreads({ subject, requester, faults }: Life): Promise<void> {
  const operations = subject.family.all.filter(({ command }) => !subject.endless.has(command))
  const requests = operations.flatMap(operation =>
    Shape.all(subject, operation)
      .slice(0, 4)
      .map(shape => subject.encode(operation, shape.attributes(FIRST)).toString('hex')),
  )
  const work = (
    { NETLINK_GENERIC, Socket, OverflowError }: typeof import('../../../netlink/index.ts'),
    { requests, rounds, from, enough }: ThreadInput,
  ) => {
    const socket = Socket.open(NETLINK_GENERIC)
    const drain = () => {
      try {
        while (socket.receiveReady().length > 0);
      } catch (error) {
        if (!(error instanceof OverflowError)) throw error
      }
    }
    try {
      let refused = 0
      let sequence = 0
      const end = performance.now() + enough
      for (let round = 0; round < rounds; round++)
        for (let at = 0; at < requests.length && performance.now() < end; at++) {
          const request = Buffer.from(requests[(at * (from + 1) + round) % requests.length] ?? '', 'hex')
          // By its own number an answer is known, whatever is underway.
          request.writeUInt32LE(++sequence, 8)
          try {
            socket.send(request)
          } catch {
            // A dump that is underway, or a full buffer.
            refused++
          }
          if (at % 4 === 3) drain()
        }
      drain()
      return refused
    } finally {
      socket.close()
    }
  }
  await Promise.all(
    Array.from({ length: THREADS }, (_, from) =>
      inThread({ requests, rounds: ROUNDS, from, enough: ENOUGH }, work, { limit: LIMIT }),
    ),
  )
  for (const operation of operations) {
    const [whole] = Shape.all(subject, operation)
    if (!whole) continue
    const answer = await requester.ask(operation, whole.attributes(FIRST))
    faults.add(`${whole.words}, after several threads`, answer.faults)
  }
}
