// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import type { Step } from '../../../guest/testing/probe/sequence.ts'
import type { PlayerInput } from '../../../guest/testing/probe/sequence-player-lines.ts'
import { foundFile } from './found-files.ts'
import type { Breakage } from './player-record.ts'
import { findSequences } from './random.ts'

const family = { name: "it's", modules: ['mod'], commands: [1] }
const request = (command: number, ...types: number[]): Step => ({
  do: command,
  attributes: types.map(type => [type, `0${type}`]),
})
const noted = () => {
  const notes: string[] = []
  return { notes, progress: { note: (text: string) => void notes.push(text) } }
}

/** A family that breaks where a sequence satisfies this; seeds have the sequences of this table. */
class Fake {
  readonly inputs: PlayerInput[] = []
  readonly #batches: Readonly<Record<number, readonly (readonly Step[])[]>>
  readonly #broken: (steps: readonly Step[]) => string | undefined

  constructor(
    batches: Readonly<Record<number, readonly (readonly Step[])[]>>,
    broken: (steps: readonly Step[]) => string | undefined,
  ) {
    this.#batches = batches
    this.#broken = broken
  }

  async play(input: PlayerInput): Promise<Breakage | undefined> {
    this.inputs.push(input)
    const { sequences } = input
    const all = 'seed' in sequences ? (this.#batches[sequences.seed] ?? []) : sequences
    for (const [sequence, steps] of all.entries()) {
      const reason = this.#broken(steps)
      if (reason !== undefined)
        return { key: reason, reason, sequence, steps, before: all.slice(0, sequence), isLeak: false }
    }
    return undefined
  }
}

const commands = (steps: readonly Step[]) => steps.map(step => ('do' in step ? step.do : 'other'))

test('rounds take one seed after the other, up to the first that breaks the family; its sequence is shortened', async () => {
  const player = new Fake(
    {
      7: [[request(1)]],
      8: [[request(1)], [request(1, 1), request(2, 1, 2), request(3), request(4, 1, 2), request(1)]],
    },
    steps => (commands(steps).join().match(/2.*4/) ? 'oops' : undefined),
  )
  const { notes, progress } = noted()
  const found = await findSequences(player, { families: [family], seed: 7, time: 60_000, progress })
  expect(found).toEqual([
    { family, seed: 8, reason: 'oops', steps: [request(2), request(4)], isRepeatable: true },
  ])
  expect(player.inputs.slice(0, 2).map(({ sequences }) => sequences)).toEqual([
    { seed: 7, count: 40 },
    { seed: 8, count: 40 },
  ])
  expect(notes).toEqual([
    "it's, seed 8: oops; making it shorter",
    'tried 80 random sequences from seed 7 on; 1 found',
  ])
})

test('another breakage on the way is not the same one', async () => {
  const player = new Fake({ 1: [[request(1), request(2), request(3)]] }, steps => {
    const all = commands(steps)
    if (all.includes(1) && all.includes(3)) return 'the one'
    return all.includes(3) ? 'another' : undefined
  })
  const [found] = await findSequences(player, { families: [family], seed: 1, time: 60_000, ...noted() })
  expect(found).toMatchObject({ reason: 'the one', steps: [request(1), request(3)], isRepeatable: true })
})

test('what takes sequences before it has them; what does not happen again is told as that, whole', async () => {
  const batch = [[request(1)], [request(2), request(3)]]
  const reload = { reload: true } as const
  const needsBoth = new Fake({ 1: batch }, steps => {
    const all = commands(steps)
    return all.join() === '2,3' || (all.includes(1) && all.includes(3)) ? 'oops' : undefined
  })
  const [found] = await findSequences(needsBoth, { families: [family], seed: 1, time: 60_000, ...noted() })
  expect(found?.isRepeatable).toBe(true)
  let plays = 0
  const once = new Fake({ 1: batch }, steps =>
    commands(steps).includes(3) && plays++ === 0 ? 'oops' : undefined,
  )
  const [lost] = await findSequences(once, { families: [family], seed: 1, time: 60_000, ...noted() })
  expect(lost).toMatchObject({ steps: [request(1), reload, request(2), request(3)], isRepeatable: false })
})

test('the file to keep', () => {
  const steps: Step[] = [request(2, 1, 3), { join: 'a"\'b', socket: 1 }, { reload: true }]
  expect(foundFile({ family, seed: -5, reason: 'KASAN:\n use', steps, isRepeatable: true })).toBe(
    String.raw`import { playSequence } from 'netlink-vmtest/testing'
import { test } from 'vitest'

// Found by probe --seed -5: KASAN: use
test('it\'s: 3 steps', async () => {
  await playSequence('it\'s', { module: ['mod'] }, [
    { do: 2, attributes: [[1, '01'], [3, '03']] },
    { join: 'a"\'b', socket: 1 },
    { reload: true },
  ])
})
`,
  )
})
