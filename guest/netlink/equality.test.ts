// SPDX-License-Identifier: MIT
/** Every way to compare two objects of this library sees each byte in which they differ. */
import assert from 'node:assert'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { inspect, isDeepStrictEqual, stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createVitest, type TestCase } from 'vitest/node'
import { conversations, neighbours, nestedMessage, readings, samples } from './equality-samples.ts'
import * as library from './index.ts'

const passes = (check: () => void): boolean => {
  try {
    check()
    return true
  } catch {
    return false
  }
}

/** The ways to compare: whether each finds the two equal. */
const comparers: Readonly<Record<string, (a: unknown, b: unknown) => boolean>> = {
  toEqual: (a, b) => passes(() => expect(a).toEqual(b)),
  'toEqual, inside of something': (a, b) => passes(() => expect({ x: [a] }).toEqual({ x: [b] })),
  toStrictEqual: (a, b) => passes(() => expect(a).toStrictEqual(b)),
  toMatchObject: (a, b) => passes(() => expect(a).toMatchObject(b as object)),
  'toMatchObject, inside of something': (a, b) =>
    passes(() => expect({ x: a, y: 1 }).toMatchObject({ x: b })),
  toHaveBeenCalledWith: (a, b) => {
    const called = vi.fn()
    called(a)
    return passes(() => expect(called).toHaveBeenCalledWith(b))
  },
  'mock.calls': (a, b) => {
    const called = vi.fn()
    called(a)
    return passes(() => expect(called.mock.calls).toEqual([[b]]))
  },
  toContainEqual: (a, b) => passes(() => expect([a]).toContainEqual(b)),
  deepEqual: (a, b) => passes(() => assert.deepEqual(a, b)),
  deepStrictEqual: (a, b) => passes(() => assert.deepStrictEqual(a, b)),
  isDeepStrictEqual,
}

/** The comparers whose answer for the two, in either order, is `equal`. */
const sayingOf = (equal: boolean, a: unknown, b: unknown): string[] =>
  Object.entries(comparers)
    .filter(([, compare]) => compare(a, b) === equal || compare(b, a) === equal)
    .map(([name]) => name)

function exportedClasses(from: object): string[] {
  return Object.entries(from).flatMap(([name, value]) => {
    if (typeof value === 'function') return /^class\b/.test(`${value}`) ? [name] : []
    return Object.prototype.toString.call(value) === '[object Module]' ? exportedClasses(value) : []
  })
}

it('every exported class is among the samples', () => {
  expect([...Object.keys(samples), ...Object.keys(conversations)].sort()).toEqual(
    exportedClasses(library).sort(),
  )
})

describe.each(Object.entries(samples))('%s', (name, { make }) => {
  it('is what it is called', () => {
    for (const each of make) expect(each().constructor.name).toBe(name)
  })

  it('is equal where all bytes are', () => {
    for (const each of make) expect(sayingOf(false, each(), each())).toEqual([])
  })

  it('is unequal where any differ', () => {
    for (const [i, a] of make.entries())
      for (const [j, b] of make.entries())
        if (i !== j) expect([i, j, sayingOf(true, a(), b())]).toEqual([i, j, []])
  })

  it('is printed with what differs', () => {
    const printed = make.map(each => inspect(each(), { depth: 5 }))
    expect(new Set(printed).size).toBe(printed.length)
  })
})

it.each(Object.entries(conversations))('%s is equal to itself only', (_name, make) => {
  const one = make()
  expect(sayingOf(false, one, one)).toEqual([])
  expect(sayingOf(true, one, make())).toEqual([])
})

it.each(readings)('%s: each byte that it holds counts', (_name, read, notHeld) => {
  const equal = [...neighbours(nestedMessage)].map(changed => {
    try {
      return sayingOf(true, read(nestedMessage), read(changed))
    } catch (error) {
      // malformed bytes are equal to nothing
      if (error instanceof library.MalformedError) return []
      throw error
    }
  })
  expect(equal.filter(names => names.length > 0)).toHaveLength(notHeld)
})

describe('in a run of vitest', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'equality-'))
    symlinkSync(path.resolve(import.meta.dirname, '../../node_modules'), path.join(folder, 'node_modules'))
    writeFileSync(
      path.join(folder, 'equality.test.ts'),
      `import { expect, it } from 'vitest'
      import { samples } from ${JSON.stringify(path.join(import.meta.dirname, 'equality-samples.ts'))}
      const which = Number(process.env.EQUALITY_SAMPLE)
      for (const [name, { make }] of Object.entries(samples)) {
        if (make.length === 1) continue
        it(name + ' diff', () => expect(make[0]()).toEqual(make[which]()))
        it(name + ' snapshot', () => expect(make[which]()).toMatchSnapshot())
      }`,
    )
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  /** Runs it with the samples of that number; returns the failures by test name. */
  async function run(which: number, update: 'all' | 'none'): Promise<Map<string, string>> {
    const vitest = await createVitest('test', {
      root: folder,
      config: false,
      watch: false,
      update,
      reporters: [{}],
      env: { EQUALITY_SAMPLE: `${which}` },
    })
    try {
      const { testModules } = await vitest.start()
      const tests: TestCase[] = testModules.flatMap(module => [...module.children.allTests()])
      expect(tests).toHaveLength(2 * Object.values(samples).filter(({ make }) => make.length > 1).length)
      return new Map(
        tests.flatMap(test =>
          (test.result().errors ?? []).map(({ message, diff }) => [test.name, `${message}\n${diff}`]),
        ),
      )
    } finally {
      await vitest.close()
    }
  }

  it('diffs name what differs, and snapshots see it', async () => {
    expect([...(await run(0, 'all')).keys()]).toEqual([])
    const failures = await run(1, 'none')
    for (const [name, { make, names }] of Object.entries(samples)) {
      if (make.length === 1) continue
      const diff = stripVTControlCharacters(failures.get(`${name} diff`) ?? '')
      for (const each of names) expect(`${name}: ${diff}`).toContain(each)
      expect(failures.get(`${name} snapshot`)).toContain('mismatched')
    }
  })
})
