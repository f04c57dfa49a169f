// SPDX-License-Identifier: MIT
import { NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST } from '../codec/constants.ts'
import type { Message } from '../codec/message.ts'
import type { Dump, DumpOptions } from './dump.ts'
import { DumpInterruptedError, TimeoutError } from './errors.ts'
import { isTurnDue, now, turn } from './fairness.ts'
import type { Inbox } from './inbox.ts'
import { PendingDump } from './pending-dump.ts'
import type { RequestHeader } from './request.ts'

/** What a dump needs of its socket. */
export interface DumpSide {
  readonly inbox: Inbox
  /** Milliseconds that calls wait by default. */
  readonly timeout: number
  /** Sends a request with a sequence number of its own. */
  send(header: RequestHeader): { readonly sequence: number; readonly bytes: Buffer }
}

/** Milliseconds to read the rest of a dump that failed, before later reads have to do it. */
const LITTLE = 100
/** Milliseconds to read the rest of a dump whose loop was left: it may never end. */
const LONG = 5000

/** The messages of a dump, a datagram at a time; the next is read only when it is asked for. */
export async function* runDump(
  dump: Dump,
  side: DumpSide,
  header: RequestHeader,
  options: DumpOptions,
): AsyncGenerator<Message[], void, void> {
  const { retries = 0 } = options
  do {
    options.signal?.throwIfAborted()
    await takeTurn(side, options)
    dump.attempts++
    dump.isInterrupted = false
    const withheld: Message[] = []
    for await (const messages of runOnce(dump, side, header, options)) {
      if (retries > 0) withheld.push(...messages)
      else yield messages
    }
    if (retries === 0) return
    if (!dump.isInterrupted) {
      yield withheld
      return
    }
  } while (dump.attempts <= retries)
  throw new DumpInterruptedError(dump.attempts)
}

/**
 * Takes the turn at once if it is free, so that two dumps that begin at the same time do not both have it.
 */
async function takeTurn({ inbox, timeout }: DumpSide, options: DumpOptions): Promise<void> {
  const wait = inbox.dumpTurns.take()
  if (wait === undefined) return
  // the rest of a dump that was left has to be read first
  inbox.pump()
  const before = inbox.dumpName
  inbox.arm(wait, limit => new TimeoutError(`end of the ${before} before`, limit), options, timeout)
  await wait.outcome()
}

/** One attempt. It has the turn, and passes it on. */
async function* runOnce(
  dump: Dump,
  side: DumpSide,
  header: RequestHeader,
  options: DumpOptions,
): AsyncGenerator<Message[], void, void> {
  const { inbox } = side
  const { signal } = options
  let pending: PendingDump
  try {
    signal?.throwIfAborted()
    // a family without dumps ends its answer by the acknowledgement; the others send none
    const flags = (header.flags ?? 0) | NLM_F_REQUEST | NLM_F_DUMP | NLM_F_ACK
    const { sequence, bytes } = side.send({ type: header.type, flags })
    pending = new PendingDump(header.type, sequence, bytes, options.schema)
  } catch (error) {
    inbox.dumpTurns.release()
    throw error
  }
  inbox.addDump(pending)

  const limit = options.timeout ?? side.timeout
  const expired = () => new TimeoutError(`end of the ${pending.name}`, limit, pending.besides)
  /** Milliseconds left, without the time that its reader takes */
  let left = limit
  let isFailed = true
  try {
    while (!pending.isDone) {
      const since = now()
      const more = pending.more()
      if (more !== undefined) {
        inbox.pump()
        inbox.arm(more, expired, { ...options, timeout: left }, limit)
        await more.outcome()
      }
      const messages = pending.drain()
      dump.isInterrupted = pending.isInterrupted
      // the kernel answers at once, so no wait would see the limit
      if (isTurnDue()) {
        await turn()
        if (now() - since >= left) throw expired()
      }
      left = Math.max(0, left - (now() - since))
      if (messages.length > 0) {
        isFailed = false
        yield messages
        isFailed = true
      }
      signal?.throwIfAborted()
    }
    // what another call of the socket has read meanwhile, or the error that came with the end
    const rest = pending.drain()
    dump.isInterrupted = pending.isInterrupted
    isFailed = false
    if (rest.length > 0) yield rest
  } finally {
    const patience = isFailed || signal?.aborted ? LITTLE : Math.min(limit, LONG)
    const hasEnded = await inbox.leaveDump(pending, patience)
    if (!hasEnded && !isFailed) {
      const late = new TimeoutError(
        `end of the ${pending.name}, which was left and yet goes on,`,
        patience,
        'close the socket to end it',
      )
      // biome-ignore lint/correctness/noUnsafeFinally: the loop was left by break, so no other error is lost
      throw signal?.aborted ? signal.reason : late
    }
  }
}
