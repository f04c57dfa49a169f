// SPDX-License-Identifier: MIT
import { expect, test, vi } from 'vitest'
import { attr, encodeGenericHeader, encodeMessage, type Message, parseMessages } from '../../netlink/index.ts'
import type { Answer } from './answer.ts'
import { endWork } from './ending-work.ts'
import type { Operation } from './family.ts'

const jobs = vi.hoisted(() => new Map<number, 'new' | 'underway' | 'over'>())
vi.mock('../modules.ts', () => ({
  moduleReferences: () => [...jobs.values()].filter(state => state === 'underway').length,
}))

const ID = 1
const policy = new Map([[ID, { type: 'U32' as const }]])
const operation = (command: number, kind: 'do' | 'dump' = 'do') =>
  ({ command, kind, privilege: 'none', policy }) as unknown as Operation
const [start, cancel, get] = [operation(2), operation(3), operation(4, 'dump')]

function told(id: number): Message {
  const payload = Buffer.concat([encodeGenericHeader({ command: 4, version: 1 }), attr.u32(ID, id)])
  const [message] = parseMessages(encodeMessage({ type: 32 }, payload))
  return message as Message
}

/** Jobs that are started and cancelled by their numbers. */
function working(commands: readonly Operation[]) {
  const asked: number[] = []
  const ask = async (each: Operation, attributes: Buffer = Buffer.alloc(0)): Promise<Answer> => {
    asked.push(each.command)
    if (each === get) return { datagrams: [], replies: [...jobs.keys()].map(told), faults: [] }
    const id = attributes.readUInt32LE(4)
    jobs.set(id, each === start ? 'underway' : 'over')
    return { datagrams: [], replies: [], faults: [] }
  }
  return { asked, modules: ['jobs'], commands, dumps: [get], headerSize: 0, ask }
}

test('what holds a module is ended by the command that does so, whichever comes first', async () => {
  for (const commands of [
    [start, cancel],
    [cancel, start],
  ]) {
    jobs.clear()
    for (const [id, state] of [
      [1, 'underway'],
      [2, 'new'],
      [3, 'underway'],
    ] as const)
      jobs.set(id, state)
    await endWork(working(commands))
    expect([...jobs.values()]).not.toContain('underway')
  }
})

test('nothing is asked where nothing holds it; what nobody ends stays', async () => {
  jobs.clear()
  jobs.set(1, 'over')
  const idle = working([start, cancel])
  await endWork(idle)
  expect(idle.asked).toEqual([])
  jobs.set(1, 'underway')
  await endWork(working([start]))
  expect(jobs.get(1)).toBe('underway')
})
