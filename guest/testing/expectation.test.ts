// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { afterEach, beforeEach, chai, expect, test, vi, assert as vitestAssert } from 'vitest'
import { watchComparisons } from '../agent/failed-comparisons.ts'
import { Expectations, readBy } from './expectation.ts'
import { wire } from './wire.ts'

const came = readBy({ identity: 7, protocol: 21, portId: 1 }, [wire(Buffer.alloc(16))])
const expectations = new Expectations()

const { assert: own } = chai.Assertion.prototype
beforeEach(() => {
  expectations.begin()
  watchComparisons(chai, (thrown, negated) => expectations.note(thrown, negated))
})
afterEach(() => {
  chai.Assertion.prototype.assert = own
})

/** What is known of an error as Vitest has it in the end, when the guest's worker notes it, too. */
async function noted(fails: () => unknown) {
  try {
    await fails()
  } catch (thrown) {
    expectations.note(thrown)
    return expectations.of([{ stack: (thrown as Error).stack }])
  }
  throw new Error('it passes')
}

const shortly = { timeout: 5, interval: 1 }
test.each<[string, () => unknown]>([
  ['toEqual()', () => expect(came).toEqual([])],
  ['a message', () => expect(came, 'nothing was heard').toEqual([])],
  ['toStrictEqual() in an object', () => expect({ came }).toStrictEqual({ came: [] })],
  ['toMatchObject()', () => expect([came]).toMatchObject([[]])],
  ['.resolves', () => expect(Promise.resolve(came)).resolves.toEqual([])],
  ['.rejects', () => expect(Promise.reject(came)).rejects.toEqual([])],
  ['.resolves.not', () => expect(Promise.resolve(came)).resolves.not.toContainEqual(came[0])],
  ['expect.poll()', () => expect.poll(() => came, shortly).toEqual([])],
  ['vi.waitFor()', () => vi.waitFor(() => expect(came).toEqual([]), shortly)],
  ['a method of chai', () => expect(came).to.deep.equal([])],
  ['assert of Vitest', () => vitestAssert.deepEqual(came, [])],
  ['assert of Node', () => assert.deepEqual(came, [])],
])('%s tells what was not expected', async (_, fails) => {
  expect(await noted(fails)).toMatchObject([{ reader: 7, missing: [], unexpected: [{}] }])
})

test('expect.soft(), also of a promise, tells it with the errors that the test gets', async ({ task }) => {
  expect.soft(came).toEqual([])
  await expect.soft(Promise.resolve({ came })).resolves.toEqual({ came: [] })
  const { errors = [] } = task.result ?? {}
  const all = errors.splice(0)
  if (task.result) task.result.state = 'run'
  expect(expectations.of(all)).toMatchObject([
    { reader: 7, unexpected: [{}] },
    { reader: 7, unexpected: [{}] },
  ])
})
