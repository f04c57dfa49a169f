// SPDX-License-Identifier: MIT
/** Who looks something up by an attribute that it needs answers with what has that value, and with nothing else. */
import { GENL_HDRLEN } from '../../../netlink/index.ts'
import { isTimeShort } from '../allowance.ts'
import { isUnfit } from '../fitting.ts'
import type { Life } from '../life.ts'
import { Shape, toldBy } from '../shape.ts'
import { rangeTrials } from '../values.ts'
import { FIRST, nextVariant } from '../variants.ts'

/** Values of which nothing is there: an answer to one of them may be chance. */
const TIMES = 2

export async function lookUp(life: Life): Promise<void> {
  for (const reader of life.explored.readers)
    for (const type of reader.types)
      if (!isTimeShort() && (await isNeeded(life, reader, type)) && (await isPassedOver(life, reader, type)))
        life.faults.add(reader.words, [
          `it needs attribute ${type}, and answers with what has another value of it than was asked for`,
        ])
}

/** Who answers for what is there refuses what is not. */
export async function findNothing({ subject, explored, requester, faults }: Life): Promise<void> {
  for (const { operation } of explored.readers)
    for (const reader of Shape.all(subject, operation).filter(({ types }) => types.length === 1)) {
      const [type = 0] = reader.types
      const { code, replies } = await requester.ask(operation, reader.attributes(FIRST))
      const [reply, ...more] = replies
      if (code !== undefined || reply === undefined || more.length > 0) continue
      const told = toldBy(reply, subject.family.headerSize)
      if (!reader.isTold([told], type, reader.payload(type, FIRST))) continue
      let isSilent = true
      for (let time = 0; isSilent && time < TIMES; time++) {
        const nothing = await requester.ask(operation, reader.attributes(nextVariant()))
        isSilent = nothing.code === undefined && nothing.replies.length === 0
      }
      if (isSilent)
        faults.add(reader.words, [
          'success without an answer for what is not there, where others are answered',
        ])
    }
}

/** A command that answers for one thing and dumps all tells the same by the same number. */
export async function answerAsDumped({ subject, explored, requester, faults }: Life): Promise<void> {
  for (const reader of explored.readers) {
    const dump = explored.dumps.find(({ command }) => command === reader.operation.command)
    if (dump === undefined || reader.operation.kind === 'dump') continue
    const [reply, ...more] = (await requester.ask(reader.operation, reader.attributes(FIRST))).replies
    const dumped = (await requester.ask(dump)).replies
    const numbers = new Set(dumped.map(({ payload }) => payload[0]))
    const [number] = numbers
    if (reply === undefined || more.length > 0 || numbers.size !== 1 || number === reply.payload[0]) continue
    const content = reply.payload.subarray(GENL_HDRLEN)
    if (dumped.some(({ payload }) => payload.subarray(GENL_HDRLEN).equals(content)))
      faults.add(reader.words, [
        `answers by the number of ${subject.commandWords(reply.payload[0] ?? 0)}; its dump tells the same by that of ${subject.commandWords(number ?? 0)}`,
      ])
  }
}

/** Whether a request is taken, and is refused for its values without the attribute. */
async function isNeeded({ subject, requester }: Life, reader: Shape, type: number): Promise<boolean> {
  const without = Shape.all(subject, reader.operation).find(
    ({ types }) => types.length === reader.types.length - 1 && !types.includes(type),
  )
  if (without === undefined || reader.types.length < 2) return false
  const whole = await requester.ask(reader.operation, reader.attributes(FIRST))
  const { code } = await requester.ask(without.operation, without.attributes(FIRST))
  return whole.code === undefined && isUnfit(code)
}

/** Whether the same is answered, whichever value it is asked for. */
async function isPassedOver({ subject, requester }: Life, reader: Shape, type: number): Promise<boolean> {
  const there = reader.payload(type, FIRST)
  for (let time = 0; time < TIMES; time++) {
    const trials = rangeTrials(reader.policyOf(type) ?? {}).map(({ payload }) => payload)
    const asked = [reader.payload(type, nextVariant()), ...trials].find(each => !each.equals(there))
    if (asked === undefined) return false
    const attributes = reader.attributes(FIRST, new Map([[type, asked]]))
    const { code, replies } = await requester.ask(reader.operation, attributes)
    const [reply, ...more] = replies
    if (code !== undefined || reply === undefined || more.length > 0) return false
    const told = toldBy(reply, subject.family.headerSize)
    if (!reader.isTold([told], type, there) || reader.isTold([told], type, asked)) return false
  }
  return true
}
