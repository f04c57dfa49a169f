// SPDX-License-Identifier: MIT
/** Dumps of many entries, cut into datagrams of several sizes. */
import type { Message } from '../../../netlink/index.ts'
import type { Operation } from '../family.ts'
import type { Writer } from '../found.ts'
import type { Life } from '../life.ts'
import { addMany, severalDatagrams } from '../many.ts'
import { remainsOf } from '../remains.ts'
import { type Told, toldBy } from '../shape.ts'
import type { Requester } from '../subject.ts'

/** A variant of what entries are added to, beside the first one. */
const PARENT = 81
/** Requests of those that add several entries each. */
const FEW = 10
/** Of the entries that were added, the share that may be missing from a dump that is theirs. */
const OWN = 0.5

/** Two dumps of one socket: the second one's first datagram is larger, for the kernel knows the reader by then. */
export async function compareDumps(life: Life, operation: Operation): Promise<void> {
  const { subject, requester, faults } = life
  const { headerSize } = subject.family
  const what = `command ${operation.command} (dump)`
  const dump = async (from: Requester) => {
    const answer = await from.ask(operation)
    faults.add(what, answer.faults)
    return answer
  }
  const before = await dump(requester)
  if (before.code !== undefined) return
  const fillings = await fill(life, before.replies)
  const linesOf = ({ replies }: typeof before) =>
    replies.map(reply => reply.payload.toString('latin1')).sort()
  const fresh = async () => {
    using other = subject.open()
    return linesOf(await dump(other))
  }
  const first = await fresh()
  const again = await fresh()
  const larger = linesOf(await dump(requester))
  // It changes by itself, soon or in the time of these dumps, and nothing can be said.
  if (first.join() !== again.join() || first.join() !== (await fresh()).join()) return
  if (first.join() !== larger.join()) {
    const [some, others] = [new Set(first), new Set(larger)]
    faults.add(what, [
      `datagrams of other sizes tell other entries: ${first.length} (${some.size} different ones) and ${larger.length} (${others.size}); some are lost or doubled where a datagram ends`,
    ])
  }
  if (first.length <= before.replies.length) return
  const entries = (await dump(requester)).replies.map(reply => toldBy(reply, headerSize))
  // What several kinds have in common may be told of another one.
  const most = fillings.length > 1 ? OWN : 1
  for (const filling of fillings) faults.add(what, missing(filling, entries, most))
}

/** What is told by a dump once more, when all of it was told: a buffer that is used again may have remains. */
export async function tellRemains({ subject, explored, requester, faults }: Life): Promise<void> {
  const { headerSize } = subject.family
  for (const operation of explored.dumps) {
    await requester.ask(operation)
    const entries = (await requester.ask(operation)).replies.map(reply => toldBy(reply, headerSize))
    for (const type of entries[0]?.keys() ?? []) {
      const found = remainsOf(entries.flatMap(entry => entry.get(type) ?? []))
      if (found === undefined) continue
      const [text, other] = [found.text, found.other].map(each => each.toString('latin1').split('\0', 1)[0])
      faults.add(`command ${operation.command} (dump)`, [
        `attribute ${type}: behind "${text}" is the end of "${other}", which another entry has`,
      ])
    }
  }
}

/** Entries that were added. */
interface Filling {
  readonly adder: Writer
  /** Their variants. */
  readonly added: readonly number[]
}

/** Adds entries of each kind; where they belong to others, to two of them. */
async function fill({ subject, requester, explored }: Life, there: readonly Message[]): Promise<Filling[]> {
  const count = severalDatagrams(there)
  const adders = explored.writers.filter(({ adds }) => adds)
  const fillings: Filling[] = []
  for (const adder of adders) {
    fillings.push({ adder, added: await addMany(subject, requester, adder, count) })
    if (adder.key === undefined) continue
    for (const { shape } of adders.filter(({ key }) => key === undefined))
      await requester.ask(shape.operation, shape.attributes(PARENT))
    await addMany(subject, requester, adder, count, PARENT)
  }
  for (const adder of explored.writers.filter(({ addsSeveral }) => addsSeveral))
    await addMany(subject, requester, adder, FEW)
  for (const grower of explored.growers) await addMany(subject, requester, grower, count)
  return fillings
}

function missing(
  { adder: { shape, stored }, added }: Filling,
  entries: readonly Told[],
  most: number,
): string[] {
  const absent = added.filter(
    variant => !stored.some(type => shape.isTold(entries, type, shape.payload(type, variant))),
  )
  if (absent.length === 0 || absent.length > added.length * most) return []
  // Old entries may make room for new ones; a few in the middle do not.
  const youngest = added.indexOf(Math.max(...absent))
  if (youngest <= absent.length) return []
  return [`${absent.length} of ${added.length} entries that were added are missing`]
}
