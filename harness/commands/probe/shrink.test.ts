// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { shrink } from './shrink.ts'

interface Step {
  readonly name: string
  readonly attributes: readonly number[]
}

const step = (name: string, ...attributes: number[]): Step => ({ name, attributes })

/** Counts the rounds, each of which costs a guest. */
function judge(fails: (steps: readonly Step[]) => boolean) {
  const judged = { rounds: 0 }
  const firstFailing = async (candidates: readonly (readonly Step[])[]) => {
    judged.rounds++
    const found = candidates.findIndex(fails)
    return found < 0 ? undefined : found
  }
  return { judged, firstFailing }
}

const names = (steps: readonly Step[]) => steps.map(({ name }) => name).join('')

test('of many steps the few that matter are left, in their order, with the attributes that matter', async () => {
  const long = Array.from({ length: 24 }, (_, at) => step(String.fromCharCode(97 + at), 1, 2, 3))
  const { judged, firstFailing } = judge(steps => {
    const c = steps.findIndex(({ name }) => name === 'c')
    const t = steps.findIndex(({ name }) => name === 't')
    return c >= 0 && c < t && steps[t]?.attributes.includes(2) === true
  })
  expect(await shrink(long, firstFailing)).toEqual([step('c'), step('t', 2)])
  expect(judged.rounds).toBeLessThan(30)
})

test('what fails alone, and what cannot be shortened', async () => {
  const one = judge(steps => steps.length > 0)
  expect(names(await shrink([step('a', 1), step('b')], one.firstFailing))).toBe('b')
  const all = judge(steps => names(steps) === 'abc')
  expect(names(await shrink([step('a'), step('b'), step('c')], all.firstFailing))).toBe('abc')
})

test('when time is up, the shortest so far', async () => {
  let rounds = 0
  const shortest = await shrink([step('a'), step('b'), step('c'), step('d')], async () =>
    rounds++ === 0 ? 0 : undefined,
  )
  expect(names(shortest)).toBe('cd')
})
