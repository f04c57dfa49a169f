// SPDX-License-Identifier: MIT
/** What is refused, and what only asks, leaves nothing behind that others stumble over. */
import { setTimeout } from 'node:timers/promises'
import { isTimeShort } from '../allowance.ts'
import { type Answer, isPassing, wordsOf } from '../answer.ts'
import { type Operation, unknownCommand } from '../family.ts'
import type { Explored } from '../found.ts'
import type { Life } from '../life.ts'
import { Shape } from '../shape.ts'
import { TICKS } from '../state.ts'
import type { Requester, Subject } from '../subject.ts'
import { FIRST } from '../variants.ts'

/** Requests that are looked at. */
const MOST = 16
/** Of those that a command refuses: they are likely to have the same reason. */
const OF_A_COMMAND = 4
/** How often one comes before each of the others. */
const TIMES = 2
/** Comparisons that must all have the same result: what changes by itself is not judged. */
const COMPARISONS = 3
/** A request that must change nothing. */
interface Harmless {
  readonly shape: Shape
  readonly why: string
}

export async function leaveNothing({ subject, explored, requester, faults }: Life): Promise<void> {
  const all = wholes(subject, explored)
  const harmless = [
    ...all
      .filter(({ operation }) => isGetter(subject, operation))
      .map((shape): Harmless => ({ shape, why: getting })),
    ...(await refused(subject, requester, all)),
  ]
  const neutral = neutralOf(subject)
  if (neutral === undefined) return
  let usual: readonly string[] | undefined
  for (const each of harmless.slice(0, MOST)) {
    if (isTimeShort()) break
    // A getter may be what makes another command fail from the first time on.
    const isOwn = ({ operation }: Shape) =>
      each.why === getting && operation.command === each.shape.operation.command
    const others = all.filter(shape => !isOwn(shape))
    if (others.length === 0) continue
    const isAll = others.length === all.length
    if (isAll) usual ??= await outcomes(subject, others, neutral, () => true)
    const changed = await changedBy(subject, each, others, neutral, isAll ? usual : undefined)
    if (changed !== undefined) faults.add(each.shape.words, [`${each.why}, and yet afterwards ${changed}`])
  }
}

/** A request of each command: one that succeeds, or one with all attributes. */
export function wholes(subject: Subject, { working }: Pick<Explored, 'working'>): Shape[] {
  return subject.commands.flatMap(
    operation => working.get(operation.command) ?? Shape.all(subject, operation)[0] ?? [],
  )
}

const getting = 'it only gets what the dump tells'

/** A command that can be dumped as well gets an entry of the dump. */
function isGetter({ family }: Subject, { command }: Operation): boolean {
  return family.all.some(each => each.command === command && each.kind === 'dump')
}

/** Requests that the module refuses, as far as is seen once all commands were asked. */
async function refused(
  subject: Subject,
  requester: Requester,
  wholes: readonly Shape[],
): Promise<Harmless[]> {
  for (const whole of wholes) await requester.ask(whole.operation, whole.attributes(FIRST))
  const found: Harmless[] = []
  for (const operation of subject.commands) {
    const before = found.length
    for (const shape of Shape.all(subject, operation)) {
      const answer = await requester.ask(operation, shape.attributes(FIRST))
      if (!isRefused(answer) || isByCore(answer.extendedAck?.message)) continue
      found.push({ shape, why: `refused with ${wordsOf(answer)}` })
      if (found.length - before === OF_A_COMMAND) break
    }
  }
  return found
}

function isRefused({ code }: Answer): boolean {
  return code !== undefined && !isPassing(code)
}

/** What the kernel refuses the module does not hear of. */
function isByCore(message: string | undefined): boolean {
  return (
    message !== undefined &&
    /^(Attribute failed policy|invalid attribute length|integer out of)/.test(message)
  )
}

type Ask = (requester: Requester) => Promise<Answer>

/** A request that takes as long as others, and that nobody takes. */
function neutralOf(subject: Subject): Ask | undefined {
  const command = unknownCommand(subject.family)
  if (command === undefined) return undefined
  const unknown: Operation = { command, kind: 'do', privilege: 'none', policy: undefined }
  return requester => requester.ask(unknown)
}

/**
 * The first answer that is another one after the request, each time, than after one that nobody takes.
 * @param usual answers without the request, if they are known
 */
async function changedBy(
  subject: Subject,
  { shape: harmless, why }: Harmless,
  others: readonly Shape[],
  neutral: Ask,
  usual: readonly string[] | undefined,
): Promise<string | undefined> {
  const real: Ask = requester => requester.ask(harmless.operation, harmless.attributes(FIRST))
  let first: string | undefined
  for (let time = 0; time < COMPARISONS; time++) {
    // Where it is not refused, it may change something.
    const after = await outcomes(subject, others, real, answer => why === getting || isRefused(answer))
    if (after === undefined) return undefined
    if (time === 0 && usual?.join() === after.join()) return undefined
    const without = (await outcomes(subject, others, neutral, () => true)) ?? []
    const at = without.findIndex((code, index) => code !== after[index])
    if (at < 0) return undefined
    const { operation } = others[at % others.length] ?? harmless
    const words = `${subject.commandWords(operation.command)} is answered with ${after[at]}, not ${without[at]}`
    first ??= words
    if (words !== first) return undefined
    if (time === 0 && (await changesSoon(subject, others, neutral, without))) return undefined
  }
  return first
}

/** Whether answers are other ones after some time: what goes by itself soon is not judged. */
async function changesSoon(
  subject: Subject,
  others: readonly Shape[],
  neutral: Ask,
  without: readonly string[],
): Promise<boolean> {
  const later: Ask = async requester => {
    await setTimeout(TICKS)
    return await neutral(requester)
  }
  const slowly = await outcomes(subject, others, later, () => true)
  return slowly?.join() !== without.join()
}

async function outcomes(
  subject: Subject,
  others: readonly Shape[],
  before: Ask,
  isAsExpected: (answer: Answer) => boolean,
): Promise<string[] | undefined> {
  await subject.reload()
  using requester = subject.open()
  const codes: string[] = []
  for (const shape of [...others, ...others]) {
    for (let time = 0; time < TIMES; time++) if (!isAsExpected(await before(requester))) return undefined
    const { code = 'success' } = await requester.ask(shape.operation, shape.attributes(FIRST))
    codes.push(code)
  }
  return codes
}
