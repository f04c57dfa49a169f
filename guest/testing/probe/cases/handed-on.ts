// SPDX-License-Identifier: MIT
/** What one command puts somewhere, and another one takes out again: it comes out as it was put in. */
import { isTimeShort } from '../allowance.ts'
import type { Answer } from '../answer.ts'
import type { Life } from '../life.ts'
import { misread, Surplus } from '../misread.ts'
import { variations } from '../nests.ts'
import { Shape, toldBy } from '../shape.ts'
import { FIRST, nextVariant } from '../variants.ts'

/** Ways to take something out that are tried. */
const WAYS = 12
/** What may be there at first. */
const MANY = 70
/** Who answers as often with the same takes nothing out: what was tried before has put fewer equal ones in. */
const SAME = 12
/** Bytes of values that are tried. */
const LONGEST = 256
/** Values that must come out as they were put in, to know which command takes out what the other puts in. */
const TIMES = 2

export async function handOn(life: Life): Promise<void> {
  const { subject, explored, faults } = life
  // Requests that answer again and again, whatever was put in.
  const getters = new Set<string>()
  const isWriter = ({ operation }: Shape) =>
    explored.writers.some(({ shape }) => shape.operation.command === operation.command)
  for (const putter of explored.working.values()) {
    if (isWriter(putter) || explored.readers.includes(putter)) continue
    for (const type of putter.types.filter(each => isBytes(putter, each))) {
      const taker = await takerOf(life, putter, type, getters)
      if (taker === undefined) continue
      const policy = putter.policyOf(type)
      const surplus = new Surplus()
      const making = subject.making(FIRST)
      for (const { what, payload } of variations(type, policy, making)) {
        if (isTimeShort()) break
        if (payload.length === 0 || payload.length > LONGEST) continue
        const { request, read } = await throughBoth(life, putter, taker, type, payload)
        const sent = { type, payload, policy, request }
        surplus.note(sent, read)
        const wrongly = misread(sent, read)
        if (wrongly !== undefined) faults.add(`${putter.words}, then ${taker.words}: ${what}`, [wrongly])
      }
      faults.add(`${putter.words}, then ${taker.words}`, surplus.faults)
      await askOthers(life, putter, taker)
    }
  }
}

/** Who only looks does not answer by the number of the command that takes out. */
async function askOthers({ explored, requester, faults }: Life, putter: Shape, taker: Shape): Promise<void> {
  const numberOf = async (shape: Shape) => {
    await requester.ask(putter.operation, putter.attributes(FIRST))
    const { replies } = await requester.ask(shape.operation, shape.attributes(FIRST))
    return replies.length === 1 ? replies[0]?.payload[0] : undefined
  }
  const { command } = taker.operation
  if ((await numberOf(taker)) !== command) return
  for (const other of explored.working.values())
    if (other.operation.command !== command && (await numberOf(other)) === command)
      faults.add(other.words, [`answers by the number of ${taker.words}, which takes out what it tells`])
}

function isBytes(shape: Shape, type: number): boolean {
  return /^(BINARY|STRING|NUL_STRING)$/.test(shape.policyOf(type)?.type ?? '')
}

/** The command that answers with what was put in, and is refused, or says nothing of it, when it has done so. */
async function takerOf(
  life: Life,
  putter: Shape,
  type: number,
  getters: Set<string>,
): Promise<Shape | undefined> {
  const { subject, explored } = life
  for (const operation of subject.commands) {
    if (operation.command === putter.operation.command) continue
    const known = explored.working.get(operation.command)
    const shapes = [...(known ? [known] : []), ...Shape.all(subject, operation)]
    for (const shape of shapes.slice(0, WAYS)) {
      if (isTimeShort()) return undefined
      if (getters.has(shape.words)) continue
      // What was tried before may have removed it all.
      for (const writer of explored.writers)
        await life.requester.ask(writer.shape.operation, writer.shape.attributes(FIRST))
      let takes = await emptied(life, shape)
      if (!takes) getters.add(shape.words)
      for (let time = 0; takes && time < TIMES; time++) {
        const payload = putter.payload(type, nextVariant())
        const { read } = await throughBoth(life, putter, shape, type, payload)
        takes =
          read.some(each => each.subarray(0, payload.length).equals(payload)) && (await isEmpty(life, shape))
      }
      if (takes) return shape
    }
  }
  return undefined
}

/** Takes out all that is there. @returns whether it has come to an end */
async function emptied(life: Life, shape: Shape): Promise<boolean> {
  let [last, same] = ['', 0]
  for (let count = 0; count < MANY && same < SAME; count++) {
    const answer = await answerOf(life, shape)
    if (answer === '') return true
    same = answer === last ? same + 1 : 0
    last = answer
  }
  return false
}

async function isEmpty(life: Life, shape: Shape): Promise<boolean> {
  return (await answerOf(life, shape)) === ''
}

/** What it answers, in hexadecimal digits; '' for nothing. */
async function answerOf({ requester }: Life, shape: Shape): Promise<string> {
  const { replies } = await requester.ask(shape.operation, shape.attributes(FIRST))
  return replies.map(({ payload }) => payload.toString('hex')).join(' ')
}

async function throughBoth(
  { subject, requester }: Life,
  putter: Shape,
  taker: Shape,
  type: number,
  payload: Buffer,
): Promise<{ request: Buffer; read: Buffer[] }> {
  const sequence = requester.socket.nextSequence()
  const attributes = putter.attributes(FIRST, new Map([[type, payload]]))
  const request = subject.encode(putter.operation, attributes, { sequence })
  const { code } = await requester.send(request)
  const taken: Answer | undefined =
    code === undefined ? await requester.ask(taker.operation, taker.attributes(FIRST)) : undefined
  const { headerSize } = subject.family
  return { request, read: (taken?.replies ?? []).flatMap(reply => toldBy(reply, headerSize).get(type) ?? []) }
}
