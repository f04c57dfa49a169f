// SPDX-License-Identifier: MIT
import { expect, test as it } from 'vitest'
import { findTest, keepOnly, type NamedTask, testPaths, wantedTests } from './one-test.ts'

let last = 0
const test = (name: string): NamedTask => ({ id: `f_${last++}`, name, type: 'test', mode: 'run' })
const suite = (name: string, ...tasks: NamedTask[]): NamedTask => ({
  ...test(name),
  type: 'suite',
  tasks,
})
const file = (...tasks: NamedTask[]) => suite('file', ...tasks)

const made = () =>
  file(
    test('a'),
    suite('s', test('a'), test('b'), test('a')),
    suite('s', test('a')),
    suite('s > a', test('b')),
  )

it('each test is found by its names, in another load of the file too', () => {
  const [one, two] = [made(), made()]
  const [ids, others] = [one, two].map(each => testPaths(each).map(path => path.at(-1)?.id))
  const wanted = wantedTests(one)
  expect([...wanted.keys()]).toEqual(ids)
  expect([...wanted.values()].map(each => findTest(two, each)?.at(-1)?.id)).toEqual(others)
})

it('of those with the same names it is the same one, whatever comes before', () => {
  const wanted = wantedTests(made())
  const [third] = [...wanted.values()].filter(({ names, nth }) => names.join('/') === 's/a' && nth === 2)
  const changed = file(test('new'), suite('t', test('a')), ...(made().tasks ?? []))
  const found = third && findTest(changed, third)
  expect(found?.map(({ name }) => name)).toEqual(['s', 'a'])
  expect(found?.[0]).toBe(changed.tasks?.[4])
  expect(findTest(changed, { names: ['s', 'a'], nth: 3 })).toBeUndefined()
  expect(findTest(changed, { names: ['s'], nth: 0 })).toBeUndefined()
})

it('all others are skipped; if it is not there, all are', () => {
  const modes = (names: string[], nth: number) => {
    const changed = made()
    keepOnly(changed, { names, nth })
    const all = (task: NamedTask): (string | undefined)[] => [task.mode, ...(task.tasks ?? []).flatMap(all)]
    return all(changed).map(mode => mode === 'run')
  }
  const [yes, no] = [true, false]
  expect(modes(['s', 'a'], 1)).toEqual([yes, no, yes, no, no, yes, no, no, no, no])
  expect(modes(['s', 'a'], 2)).toEqual([yes, no, no, no, no, no, yes, yes, no, no])
  expect(modes(['gone'], 0)).toEqual([yes, ...Array(9).fill(no)])
})
