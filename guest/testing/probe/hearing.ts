// SPDX-License-Identifier: MIT
/** What a family's groups are told: at once, or by itself a moment later. */
import { type Datagram, MalformedError, type Message, TimeoutError } from '../../netlink/index.ts'
import { drain } from '../exchange.ts'
import { faultsOfMessage } from './answer.ts'
import type { Faults } from './faults.ts'
import { type Told, toldBy } from './shape.ts'
import type { Requester, Subject } from './subject.ts'

/** Milliseconds in which a work queue has told what it tells, and in which more follows where something was told. */
const SOON = 200
const NEXT = 60

/** Whether something is told, at once or by itself a moment later, as from a work queue; others may be told first. */
export async function isToldSoon(
  subject: Subject,
  listener: Requester,
  faults: Faults,
  tells: (entries: readonly Told[]) => boolean,
): Promise<boolean> {
  if (tells(told(subject, listener, faults))) return true
  if (subject.family.groups.size === 0) return false
  const end = performance.now() + SOON
  for (let left = SOON; left > 0; left = end - performance.now()) {
    const next = await nextOf(listener, left)
    if (next === undefined) return false
    if (tells(toldBySome(subject, heardIn(subject, next, faults)))) return true
  }
  return false
}

/**
 * All that is told, at once and by itself a moment later, until nothing more comes.
 * @param within milliseconds at most
 */
export async function hearSoon(
  subject: Subject,
  listener: Requester,
  faults: Faults,
  within = SOON,
): Promise<Message[]> {
  const messages = heard(subject, listener, faults)
  const end = performance.now() + within
  for (let left = within; left > 0; left = end - performance.now()) {
    const next = await nextOf(listener, messages.length > 0 ? Math.min(NEXT, left) : left)
    if (next === undefined) break
    messages.push(...heardIn(subject, next, faults))
  }
  return messages
}

/** What was told to now. */
export function told(subject: Subject, listener: Requester, faults: Faults): Told[] {
  return toldBySome(subject, heard(subject, listener, faults))
}

function toldBySome({ family }: Subject, messages: readonly Message[]): Told[] {
  return messages.map(message => toldBy(message, family.headerSize))
}

function heard(subject: Subject, { socket }: Requester, faults: Faults): Message[] {
  return drain(socket).flatMap(event => ('messages' in event ? heardIn(subject, event, faults) : []))
}

/** The next datagram; undefined if none comes in that time, in milliseconds. */
async function nextOf({ socket }: Requester, timeout: number): Promise<Datagram | undefined> {
  try {
    return await socket.receive({ timeout })
  } catch (error) {
    if (error instanceof TimeoutError) return undefined
    throw error
  }
}

/** The family's messages of a datagram, as far as they can be read. */
function heardIn(subject: Subject, datagram: Datagram, faults: Faults): Message[] {
  const { id, headerSize } = subject.family
  return messagesOf(datagram, faults).filter(message => {
    if (message.type !== id) return false
    const wrong = faultsOfMessage(message, headerSize)
    faults.add(
      'a notification',
      wrong.length > 0
        ? wrong
        : [...subject.twinsOf(message), ...(subject.meaning?.faultsOf(message, undefined) ?? [])],
    )
    return wrong.length === 0
  })
}

/** The messages of a datagram; none if it is malformed. */
function messagesOf(datagram: Datagram, faults: Faults): Message[] {
  try {
    return datagram.messages()
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    faults.add('a notification', [`a datagram that is no message: ${error.message}`])
    return []
  }
}
