// SPDX-License-Identifier: MIT
/** The limits of tests and hooks on a slow kernel: the default kernel, with limits as if it were slow. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startVitest } from 'vitest/node'
import { silentProgress } from '../base/progress.ts'
import { defaultKernel } from '../fixtures/kernel.ts'
import { kernelProject } from '../prepare/project.ts'
import { checkSettings } from '../prepare/settings.ts'
import { Restores } from '../template/restores.ts'

const suite = `
  import { beforeEach, describe, test } from 'vitest'
  test('waits', () => new Promise(() => {}))
  test('works', async () => {
    const end = Date.now() + 4_000
    while (Date.now() < end) await new Promise(done => setImmediate(done))
  })
  test('may wait', { timeout: 10_000 }, () => new Promise(done => setTimeout(done, 4_000)))
  describe('a hook', () => {
    beforeEach(() => new Promise(() => {}))
    test('of it', () => {})
  })`

test('who waits in an idle guest has the limits of other kernels; who works, or has a limit of its own, not', async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'idle-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  writeFileSync(path.join(root, 'a.test.ts'), suite)
  const kernel = await defaultKernel()
  const guests = new Restores({ ...kernel.spec, slowness: 40 }, kernel.delivery, silentProgress)
  await guests.prepare()
  onTestFinished(() => guests.close())

  const settings = checkSettings({ suites: ['*.test.ts'], testTimeout: 1_500 })
  const projects = [kernelProject({ ...kernel, guests }, { settings, root, options: {}, atOnce: 1 })]
  const { exitCode } = process
  const vitest = await startVitest([], {
    root,
    config: false,
    cache: false,
    watch: false,
    reporters: [{}],
    projects,
  })
  process.exitCode = exitCode
  const tests = vitest.state.getTestModules().flatMap(module => [...module.children.allTests()])
  const results = tests.map(each => [each.name, each.result().errors?.[0]?.message])
  await vitest.close()
  const inVain = (what: string) =>
    expect.stringMatching(
      new RegExp(
        `^${what} timed out: in 1500ms of its time the guest had nothing to do \\(its limit of 60000ms`,
      ),
    )
  expect(Object.fromEntries(results)).toEqual({
    waits: inVain('Test'),
    works: undefined,
    'may wait': undefined,
    'of it': inVain('Hook'),
  })
})
