// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { silentProgress } from '../../base/progress.ts'
import type { Unit } from '../../compare/comparison.ts'
import type { RecordedFile } from '../../compare/recorded.ts'
import type { KnownRecordings } from './known-recordings.ts'
import type { PreparedSide } from './prepared-side.ts'
import { inAttempts, type Lost, type Ran, type RecordedRuns, type Wanted } from './recorded-run.ts'
import { Work } from './work.ts'

const units: Unit[] = ['a', 'b'].map(name => ({ kernel: 'debian-6.1', file: `${name}.test.ts` }))
const [a, b] = units as [Unit, Unit]
const recording = ({ file }: Unit, state: 'passed' | 'failed'): RecordedFile => ({
  file,
  modules: undefined,
  tests: [{ name: 'x', state, failures: [], said: [] }],
})
const reason = 'QEMU was killed by SIGKILL'

/** Sides on which a file's guest may be lost, and all tests of HEAD fail. */
function work(
  isLost: (each: Wanted) => boolean,
  own: (each: Wanted) => RecordedFile | undefined = () => undefined,
) {
  const runOnce = async (wanted: readonly Wanted[]) =>
    wanted.map((each): Ran | Lost =>
      isLost(each)
        ? { ...each, reason }
        : {
            ...each,
            recorded: own(each) ?? recording(each.unit, each.side === 'base' ? 'passed' : 'failed'),
          },
    )
  const runs = {
    files: () => units,
    run: (wanted: readonly Wanted[]) => inAttempts(wanted, runOnce),
  } as unknown as RecordedRuns
  const sides = ['base', 'head'].map(side => ({
    ...{ side, kernels: [], root: '/project', recorders: new Map(), notes: [] },
    opened: { shown: `the ${side}`, root: '/project' },
  }))
  return new Work(runs, sides as unknown as PreparedSide[], silentProgress)
}
const known = { of: () => [], add: () => {} } as unknown as KnownRecordings

test('a guest that the machinery loses is no finding: another one is tried', async () => {
  const attempts = new Map<string, number>()
  const isLost = ({ unit, side }: Wanted) => {
    const attempt = (attempts.get(side) ?? 0) + (unit === a ? 1 : 0)
    attempts.set(side, attempt)
    return unit === a && attempt % 3 !== 0
  }
  const { findings, lost } = await work(isLost).compare(known)
  expect(findings.map(({ where }) => where)).toEqual(['a.test.ts > x', 'b.test.ts > x'])
  expect(lost).toEqual([])
})

test.each(['base', 'head'] as const)('a file that %s cannot run is named, and not compared', async side => {
  const { findings, lost } = await work(each => each.side === side && each.unit === b).compare(known)
  expect(findings.map(({ where }) => where)).toEqual(['a.test.ts > x'])
  const name = side.toUpperCase()
  expect(lost).toEqual([`${name} (the ${side}) did not get through b.test.ts on debian-6.1: ${reason}`])
})

test('a file that neither side can load is named: nothing of it is compared', async () => {
  const broken = (unit: Unit): RecordedFile => {
    const failure = { kind: 'test' as const, text: 'Cannot find ./x.ts', message: 'Cannot find ./x.ts' }
    const outside = { name: '', state: 'failed' as const, failures: [failure], said: [] }
    return { file: unit.file, modules: [], tests: [outside] }
  }
  const { findings, lost } = await work(
    () => false,
    ({ unit }) => (unit === a ? broken(a) : undefined),
  ).compare(known)
  expect(lost).toEqual(['neither side loads a.test.ts on debian-6.1: Cannot find ./x.ts'])
  expect(findings.map(({ where }) => where)).toEqual(['b.test.ts > x'])
})

test('a baseline has all files, or is none', async () => {
  await expect(work(({ unit }) => unit === b).forBaseline()).rejects.toThrow(
    'there is no baseline: BASE (the base) did not get through b.test.ts on debian-6.1: QEMU was killed',
  )
})
