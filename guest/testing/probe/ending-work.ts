// SPDX-License-Identifier: MIT
/**
 * Work that a module has begun and not ended, as a delayed job, may hold the module until it is over. Some commands end
 * it: cancelling, stopping, removing.
 */
import { setTimeout } from 'node:timers/promises'
import { attr, GENL_HDRLEN, MalformedError } from '../../netlink/index.ts'
import { moduleReferences } from '../modules.ts'
import type { Answer } from './answer.ts'
import type { Operation } from './family.ts'

/** Who holds modules, and how it is asked. */
export interface Working {
  readonly modules: readonly string[]
  readonly commands: readonly Operation[]
  readonly dumps: readonly Operation[]
  readonly headerSize: number
  readonly ask: (operation: Operation, attributes?: Buffer) => Promise<Answer>
}

/** Some commands begin what others end. */
const ROUNDS = 3
/** Values of an attribute that are asked for. */
const MOST = 400
/** How often it is looked whether it is over, and the milliseconds between. */
const LOOKS = 20
const UNTIL_NEXT_LOOK = 50

/** Ends what holds the modules: waits a little, then asks all commands for all that dumps tell. */
export async function endWork(working: Working): Promise<void> {
  if (await isOver(working)) return
  const begin = new Set<Operation>()
  for (let round = 0; round < ROUNDS; round++) {
    const told = await allTold(working)
    for (const operation of working.commands.filter(each => !begin.has(each))) {
      const before = held(working)
      for (const [type, payloads] of told)
        if (operation.policy === undefined || operation.policy.has(type))
          for (const payload of payloads) await working.ask(operation, attr.binary(type, payload))
      const now = held(working)
      if (now === 0 || (now < before && (await isOver(working)))) return
      if (now > before) begin.add(operation)
    }
  }
}

/** The payloads that dumps tell, by type. */
async function allTold({ dumps, ask, headerSize }: Working): Promise<ReadonlyMap<number, readonly Buffer[]>> {
  const all = new Map<number, Map<string, Buffer>>()
  for (const dump of dumps)
    for (const reply of (await ask(dump)).replies)
      try {
        for (const { type, payload } of reply.attributes(GENL_HDRLEN + headerSize)) {
          const known = all.get(type) ?? new Map<string, Buffer>()
          if (known.size < MOST) known.set(payload.toString('latin1'), payload)
          all.set(type, known)
        }
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error
      }
  return new Map([...all].map(([type, known]) => [type, [...known.values()]]))
}

async function isOver(working: Working): Promise<boolean> {
  for (let look = 0; look < LOOKS && held(working) > 0; look++) await setTimeout(UNTIL_NEXT_LOOK)
  return held(working) === 0
}

/** References to all of the modules. */
function held({ modules }: Working): number {
  return modules.reduce((sum, module) => sum + (moduleReferences(module) ?? 0), 0)
}
