// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import type { TestModule, Vitest } from 'vitest/node'
import { CompleteFlatTap, CompleteTap } from './tap.ts'

const file = { name: 'a.test.ts', projectName: 'debian-6.1', pool: 'vm' }
const skipped = (name: string, note?: string) => ({
  ...{ type: 'test', name, mode: 'skip', file, annotations: [] },
  result: { state: 'skip', ...(note === undefined ? {} : { note }) },
})
const reason = 'not run: beforeAll has failed: Error: no module'
const module = {
  task: {
    ...{ ...file, type: 'suite', mode: 'run', file },
    result: { state: 'fail', errors: [{ name: 'Error', message: 'no module', stack: '' }] },
    tasks: [
      skipped('one', reason),
      { type: 'suite', name: 'deep', mode: 'skip', file, tasks: [skipped('two', 'not run')] },
      skipped('on purpose', 'because'),
    ],
  },
} as unknown as TestModule

/** The lines of results. */
function said(reporter: CompleteTap): string[] {
  const lines: string[] = []
  const logger = { log: (line: string) => void lines.push(line) }
  reporter.onInit({ logger, config: {}, getProjectByName: () => ({}) } as unknown as Vitest)
  reporter.onTestRunEnd([module])
  return lines.map(line => line.trim()).filter(line => /^(not )?ok |^message/.test(line))
}

test('tests that did not run are not ok, and say why; errors of hooks are told', () => {
  expect(said(new CompleteFlatTap())).toEqual([
    'not ok 1 - a.test.ts > one',
    `message: "${reason}"`,
    'not ok 2 - a.test.ts > deep > two',
    'message: "not run"',
    'ok 3 - a.test.ts > on purpose # SKIP',
    'not ok 4 - a.test.ts > outside of its tests',
    'message: "no module"',
  ])
  expect(said(new CompleteTap())).toEqual([
    'not ok 1 - a.test.ts {',
    'not ok 1 - one',
    `message: "${reason}"`,
    'not ok 2 - deep {',
    'not ok 1 - two',
    'message: "not run"',
    'ok 3 - on purpose # SKIP',
    'not ok 4 - outside of its tests',
    'message: "no module"',
  ])
})
