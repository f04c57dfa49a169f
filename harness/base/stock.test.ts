// SPDX-License-Identifier: MIT
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { expect, onTestFinished, test, vi } from 'vitest'
import { cached, locked } from './cache.ts'
import { cacheRoot } from './cache-root.ts'
import { lease } from './leases.ts'
import { diskUsage, growing, overdue, prune, pruneWhenDue, type StockedEntry, stock } from './stock.ts'

const entry = (
  key: string,
  size: number,
  used: number,
  kind: StockedEntry['kind'] = 'templates',
): StockedEntry => ({
  kind,
  key,
  folder: `/cache/${key}`,
  size,
  used,
  label: undefined,
})
const keys = (entries: readonly StockedEntry[]) => entries.map(({ key }) => key)

test('what was not used for long goes, and then what was used longest ago until the rest has room', () => {
  const entries = [entry('new', 40, 90), entry('old', 10, 10), entry('middle', 40, 50)]
  expect(keys(overdue(entries, { age: 200, size: 100 }, 100))).toEqual([])
  expect(keys(overdue(entries, { age: 60, size: 100 }, 100))).toEqual(['old'])
  expect(keys(overdue(entries, { age: 200, size: 85 }, 100))).toEqual(['old'])
  expect(keys(overdue(entries, { age: 200, size: 50 }, 100))).toEqual(['old', 'middle'])
  expect(keys(overdue(entries, { age: 0, size: 0 }, 100))).toEqual(['old', 'middle', 'new'])
})

test('where room is wanted, kernels go last: they take minutes to build, templates seconds', () => {
  const entries = [entry('kernel', 10, 10, 'kernels'), entry('old', 40, 20), entry('new', 40, 90)]
  expect(keys(overdue(entries, { age: 200, size: 50 }, 100))).toEqual(['old'])
  expect(keys(overdue(entries, { age: 200, size: 10 }, 100))).toEqual(['old', 'new'])
  expect(keys(overdue(entries, { age: 200, size: 5 }, 100))).toEqual(['old', 'new', 'kernel'])
  // age alone is enough
  expect(keys(overdue(entries, { age: 85, size: 100 }, 100))).toEqual(['kernel'])
})

test('what a run is using stays, whatever the limits', () => {
  expect(
    keys(overdue([entry('old', 40, 10), entry('in use', 40, 90)], { age: 0, size: 0 }, 100, 80)),
  ).toEqual(['old'])
})

test('entries are found with their size, age and label, and removed', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'stock-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  vi.stubEnv('XDG_CACHE_HOME', folder)
  expect(stock()).toEqual([])
  for (const [key, age] of [
    ['a', 10],
    ['b', 0],
  ] as const) {
    const made = path.join(cacheRoot(), 'templates', key)
    mkdirSync(made, { recursive: true })
    writeFileSync(path.join(made, 'ram'), Buffer.alloc(8192, 1))
    writeFileSync(path.join(made, 'manifest.json'), '{"label":"debian-6.1"}')
    const used = new Date(Date.now() - age * 86_400_000)
    utimesSync(made, used, used)
  }
  expect(stock().map(({ label, size }) => [label, size])).toEqual([
    ['debian-6.1', 12288],
    ['debian-6.1', 12288],
  ])
  const { removed } = await prune({ age: 5 * 86_400_000, size: 1e9 })
  expect(keys(removed)).toEqual(['a'])
  expect(keys(stock())).toEqual(['b'])
})

test('a folder that another run removes meanwhile takes nothing', () => {
  expect(diskUsage('/nowhere/at/all')).toBe(0)
})

test('what ended builds have left goes as well, and never what a build is at work on', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'stock-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  vi.stubEnv('XDG_CACHE_HOME', folder)
  const old = new Date(Date.now() - 86_400_000)
  const left = ['builds/ended', 'builds/busy', 'drafts/kernels-ended', 'drafts/kernels-busy', 'sides/killed']
  for (const each of [...left, 'sides/compared']) {
    const made = path.join(cacheRoot(), each)
    mkdirSync(made, { recursive: true })
    utimesSync(made, old, old)
  }
  onTestFinished(lease(cacheRoot(), 'sides-compared'))
  const { removed } = await locked('builds-busy', () =>
    locked('kernels-busy', () => prune({ age: 0, size: 0 }, growing)),
  )
  expect(keys(removed).toSorted()).toEqual(['ended', 'kernels-ended', 'killed'])
  expect(keys(stock()).toSorted()).toEqual(['busy', 'compared', 'kernels-busy'])
  // A revision's folder, however new it is, and whatever the limits.
  mkdirSync(path.join(cacheRoot(), 'sides/killed again'))
  const later = await prune({ age: 86_400_000, size: 1e9 }, ['sides'])
  expect(keys(later.removed)).toEqual(['killed again'])
})

test('pruning is done after something was added, after other limits, and once a day; else nobody looks at the entries', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'stock-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  vi.stubEnv('XDG_CACHE_HOME', folder)
  const now = Date.now()
  const limits = { age: 5 * 86_400_000, size: 1e9 }
  const add = (key: string, at: number) => {
    const made = path.join(cacheRoot(), 'templates', key)
    mkdirSync(made, { recursive: true })
    utimesSync(made, 0, 0)
    utimesSync(path.dirname(made), at / 1000, at / 1000)
  }
  add('first', now - 60_000)
  expect(keys(await pruneWhenDue(limits, now - 50_000))).toEqual(['first'])
  add('unseen', now - 55_000)
  expect(keys(await pruneWhenDue(limits, now - 40_000))).toEqual([])
  add('second', now - 30_000)
  expect(keys(await pruneWhenDue(limits, now - 20_000)).toSorted()).toEqual(['second', 'unseen'])
  add('third', now - 25_000)
  expect(keys(await pruneWhenDue({ ...limits, size: 0 }, now - 10_000))).toEqual(['third'])
  add('fourth', now - 15_000)
  const yesterday = (now - 2 * 86_400_000) / 1000
  utimesSync(path.join(cacheRoot(), 'pruned'), yesterday, yesterday)
  expect(keys(await pruneWhenDue({ ...limits, size: 0 }, now))).toEqual(['fourth'])
})

/** A process that uses the cache, and says so, until it is ended. */
async function user(work: string) {
  const script = `
    import { cached } from ${JSON.stringify(path.join(import.meta.dirname, 'cache.ts'))}
    import { writeFileSync } from 'node:fs'
    const building = async folder => {
      writeFileSync(folder + '/half', '')
      console.log('ready')
      await new Promise(resolve => setTimeout(resolve, 60_000))
    }
    ${work}`
  const child = execa(process.execPath, ['--input-type=module', '-e', script], { reject: false })
  await once(child.stdout, 'data')
  return { child }
}

test('what living processes use or build stays, whatever the limits, and also where they are stopped; what killed ones had goes', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'stock-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  vi.stubEnv('XDG_CACHE_HOME', folder)
  for (const key of ['used', 'idle']) mkdirSync(path.join(cacheRoot(), 'kernels', key), { recursive: true })
  for (const key of ['used', 'idle'])
    utimesSync(path.join(cacheRoot(), 'kernels', key), new Date(0), new Date(0))
  const { child } = await user(`
    await cached('kernels', 'used', async () => {})
    await cached('templates', 'k', building)`)
  const limits = { age: 0, size: 0 }
  const first = await prune(limits, growing)
  expect(keys(first.removed)).toEqual(['idle'])
  expect(keys(first.spared).toSorted()).toEqual(['templates-k', 'used'])

  child.kill('SIGSTOP')
  // Succeeds when the stopped holder's lock is stale.
  await locked('templates-k', async () => {})
  expect(keys((await prune(limits, growing)).removed)).toEqual([])

  child.kill('SIGKILL')
  await child
  expect(keys((await prune(limits, growing)).removed).toSorted()).toEqual(['templates-k', 'used'])
  expect(stock()).toEqual([])
}, 60_000)

test.each(['SIGTERM', 'SIGKILL'] as const)(
  "a draft of a build that %s ended goes at the next run's end",
  async signal => {
    const folder = mkdtempSync(path.join(tmpdir(), 'stock-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    vi.stubEnv('XDG_CACHE_HOME', folder)
    const limits = { age: 1e12, size: 1e12 }
    mkdirSync(cacheRoot(), { recursive: true })
    expect(await pruneWhenDue(limits, Date.now())).toEqual([])
    const { child } = await user("await cached('templates', 'k', building)")
    await cached('images', 'other', async () => {})
    expect(keys(await pruneWhenDue(limits, Date.now()))).toEqual([])
    child.kill(signal)
    await child
    expect(keys(await pruneWhenDue(limits, Date.now()))).toEqual(['templates-k'])
    expect(keys(stock())).toEqual(['other'])
  },
  60_000,
)
