// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'
import { silentProgress } from '../../base/progress.ts'
import { ownVersion } from '../../base/version.ts'
import type { Baseline } from '../../compare/baseline.ts'
import type { Unit } from '../../compare/comparison.ts'
import type { RecordedFile } from '../../compare/recorded.ts'
import { checkSettings } from '../../prepare/settings.ts'
import type { KnownRecordings } from './known-recordings.ts'
import type { PreparedSide } from './prepared-side.ts'
import { inAttempts, type Lost, type Ran, type RecordedRuns, type Wanted } from './recorded-run.ts'
import { suiteHashes } from './suite-hashes.ts'
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
    ...{ side, kernels: [], root: '/project', recorders: new Map() },
    opened: { shown: `the ${side}`, root: '/project' },
  }))
  return new Work(runs, sides as unknown as PreparedSide[], silentProgress)
}
const known = { of: () => [], add: () => {}, keep: () => {} } as unknown as KnownRecordings

test('what BASE does is kept before HEAD runs: HEAD may be interrupted', async () => {
  const done: string[] = []
  const run = work(({ side }) => {
    done.push(side)
    return false
  })
  await run.compare({ ...known, keep: () => done.push('kept') } as unknown as KnownRecordings)
  expect(done.slice(0, 5)).toEqual(['base', 'base', 'kept', 'head', 'head'])
})

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
  expect(lost).toEqual([`${name}, the ${side}, did not get through b.test.ts on debian-6.1: ${reason}`])
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

test('kernels that a baseline lacks, or whose files it lacks, are not compared, and no change is certain', async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  for (const { file } of units) writeFileSync(path.join(root, file), '')
  const prepared = { kernel: { id: 'id', release: '6.1' }, delivery: { modules: [] } }
  const head = {
    ...{
      side: 'head',
      root,
      recorders: new Map(),
      kernels: [{ label: 'debian-6.1', ...prepared }],
    },
    opened: { shown: 'the head', root },
  }
  const runs = { files: () => units, run: async () => ({ ran: [], lost: [] }) } as unknown as RecordedRuns
  const outcomeOf = (kernels: Baseline['kernels']) =>
    new Work(runs, [head] as unknown as PreparedSide[], silentProgress).withBaseline({
      ...{ harness: ownVersion(), made: 'main', suites: {}, kernels },
    })
  const kernel = { release: '6.1', id: 'id', modules: {} }
  expect((await outcomeOf([{ label: 'debian-6.12', ...kernel, files: [] }])).lost).toEqual([
    'the baseline has no debian-6.1: its files are not compared',
  ])
  expect((await outcomeOf([{ label: 'debian-6.1', ...kernel, files: [] }])).lost).toEqual([
    'the baseline of debian-6.1 has none of these files: they are not compared',
  ])
  const files = [{ recorded: recording(a, 'passed'), varying: [], alternating: [] }]
  const some = await outcomeOf([{ label: 'debian-6.1', ...kernel, files }])
  expect([some.lost, some.notes]).toEqual([
    [],
    [
      'b.test.ts is not in the baseline of debian-6.1',
      'a.test.ts: changed since the baseline, compared in what both ask',
    ],
  ])
})

test('beside a baseline of the same modules and suites nothing runs, and that is told', async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  for (const { file } of units) writeFileSync(path.join(root, file), '')
  await execa('git', ['init', '--quiet'], { cwd: root })
  const prepared = { kernel: { id: 'id', release: '6.1' }, delivery: { modules: [] } }
  const opened = { shown: 'the head', root, settings: checkSettings({ modules: 'm' }), checkedOut: undefined }
  const kernels = [{ label: 'debian-6.1', ...prepared }]
  const head = { side: 'head', root, kernels, opened } as unknown as PreparedSide
  const runs = { files: () => units, run: async () => ({ ran: [], lost: [] }) } as unknown as RecordedRuns
  const files = units.map(unit => ({
    ...{ recorded: { ...recording(unit, 'passed'), modules: [] }, varying: [], alternating: [] },
  }))
  const { findings, notes } = await new Work(runs, [head], silentProgress).withBaseline({
    ...{ harness: ownVersion(), made: 'main', suites: await suiteHashes(head, units) },
    kernels: [{ label: 'debian-6.1', release: '6.1', id: 'id', modules: {}, files }],
  })
  expect(findings).toEqual([])
  expect(notes).toEqual(['what files can load is the same as for the baseline: nothing had to run'])
})

test('a baseline has all files, or is none', async () => {
  await expect(work(({ unit }) => unit === b).forBaseline()).rejects.toThrow(
    'there is no baseline: BASE, the base, did not get through b.test.ts on debian-6.1: QEMU was killed',
  )
})

test('a file in which something varies runs as often for a baseline as for a comparison', async () => {
  let runs = 0
  const all = await work(
    () => false,
    ({ unit }) => (unit === a ? recording(a, runs++ === 1 ? 'failed' : 'passed') : undefined),
  ).forBaseline()
  expect([...all.values()].map(({ unit, recordings }) => [unit.file, recordings.length])).toEqual([
    ['a.test.ts', 6],
    ['b.test.ts', 3],
  ])
})
