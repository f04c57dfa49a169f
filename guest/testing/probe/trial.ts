// SPDX-License-Identifier: MIT
/** Tries requests, and compares their answers with what the core's rules say must come. */
import type { Datagram } from '../../netlink/index.ts'
import { refusal, wire } from '../wire.ts'
import { isTimeShort } from './allowance.ts'
import { type Answer, wordsOf } from './answer.ts'
import { type Outcome, outcomeOf, type Refusal } from './core-rules.ts'
import type { Operation } from './family.ts'
import { Faults } from './faults.ts'
import type { Requester, RequestOptions, Subject } from './subject.ts'

/** A request to try. */
export interface RequestTrial {
  readonly what: string
  readonly attributes: Buffer
  readonly options?: RequestOptions
  /** What the core says, where that is not up to its attributes. */
  readonly outcome?: Outcome
}

/**
 * Fails the test if an answer is not as it must be.
 * @param look tells what else is wrong with an answer that is the module's
 */
export async function tryAll(
  subject: Subject,
  operation: Operation,
  trials: readonly RequestTrial[],
  look: (answer: Answer) => readonly string[] = () => [],
): Promise<void> {
  const faults = new Faults(`${operation.command} ${operation.kind}`, subject.told)
  let requester = subject.open()
  try {
    for (const trial of trials) {
      if (isTimeShort()) break
      faults.add(trial.what, await faultsOf(subject, requester, operation, trial, look))
      if (requester.isUsable) continue
      requester = subject.open()
    }
  } finally {
    requester[Symbol.dispose]()
  }
  faults.end()
}

async function faultsOf(
  subject: Subject,
  requester: Requester,
  operation: Operation,
  { attributes, options, outcome }: RequestTrial,
  look: (answer: Answer) => readonly string[],
): Promise<readonly string[]> {
  const sequence = requester.socket.nextSequence()
  const request = subject.encode(operation, attributes, { sequence, ...options })
  const expected = outcome ?? (await coreOutcome(subject, operation, request))
  // Nothing new can be seen of a dump without an end.
  if (expected === 'open' && operation.kind === 'dump' && subject.endless.has(operation.command)) return []
  const answer = await requester.send(request)
  if (expected === 'open') return [...answer.faults, ...look(answer)]
  if (expected.some(each => isExactly(answer, each, request, requester))) return answer.faults
  return [`the kernel must refuse it with ${expected.map(inWords).join(', or ')}; it said ${wordsOf(answer)}`]
}

/** What the core says about a request's attributes. */
async function coreOutcome(subject: Subject, operation: Operation, request: Buffer): Promise<Outcome> {
  const { family, start } = subject
  if (operation.policy === undefined) return 'open'
  const strict = await subject.isStrict(operation)
  // A dump's attributes may not be checked at all (GENL_DONT_VALIDATE_DUMP).
  if (operation.kind === 'dump' && !strict) return 'open'
  return outcomeOf(request, start, operation.policy, {
    policies: family.policies,
    strict,
    maximum: family.maximumAttribute || undefined,
  })
}

function isExactly(
  { datagrams }: Answer,
  { code, message, offset, policy }: Refusal,
  request: Buffer,
  { socket }: Requester,
): boolean {
  const reason = message !== undefined && {
    message,
    ...(offset !== undefined && { offset }),
    ...(policy !== undefined && { policy }),
  }
  const expected = refusal(request, socket, code, reason ? { reason } : {})
  const sequence = request.readUInt32LE(8)
  const own = datagrams.filter(each => isAbout(each, sequence))
  return JSON.stringify(own.map(each => wire(each))) === JSON.stringify([expected])
}

/** Not so are answers to earlier requests, and events, which come when they come. */
function isAbout(datagram: Datagram, sequence: number): boolean {
  try {
    return datagram.messages().some(message => message.sequence === sequence)
  } catch {
    return true
  }
}

function inWords({ code, message, offset }: Refusal): string {
  return [
    code,
    ...(message === undefined ? [] : [`"${message}"`]),
    ...(offset === undefined ? [] : [`offset ${offset}`]),
  ].join(', ')
}
