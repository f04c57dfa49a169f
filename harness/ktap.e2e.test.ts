// SPDX-License-Identifier: MIT
/** KTAP of programs, of the kernel's own tests, and in the kernel log, as tests of a suite. */
import { rmSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runCli } from './fixtures/cli.ts'

const cwd = path.resolve(import.meta.dirname, 'fixtures/ktap')
afterAll(() => rmSync(path.join(cwd, '.netlink-vmtest'), { recursive: true, force: true }))

interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

test("each result is a test; a kselftest is built from the kernel's source", async () => {
  const { status, stdout, stderr } = await runCli(['--kernel', 'debian-6.1', '--json', '-'], { cwd })
  const { testResults } = JSON.parse(stdout) as Report
  const of = (name: string) => testResults.find(file => file.name.endsWith(name))
  const results = of('reports.fixture.ts')?.assertionResults ?? []
  const outline = results.map(each => `${each.status}: ${each.fullName}`)
  const textOf = (name: string) => results.find(each => each.fullName === name)?.failureMessages.join('\n')
  expect(outline.filter(line => !line.includes('close_range'))).toEqual([
    'passed: net/reuseaddr_conflict its exit status',
    'passed: logs_ktap sums adds',
    'failed: logs_ktap sums subtracts',
    'passed: logs_ktap its report is complete',
    'failed: no_such_module its report is complete',
    'passed: a group of the suite a program first',
    'failed: a group of the suite a program second',
    'skipped: a group of the suite a program third',
    'passed: a group of the suite a program its report is complete',
    expect.stringMatching(/^passed: a group of the suite sh -c printf .* hooks$/),
    expect.stringMatching(/^passed: a group of the suite sh -c printf .* its report is complete$/),
  ])
  expect(outline).toContain('passed: core/close_range_test its report is complete')
  expect(outline.filter(line => /^passed: core\/close_range_test .*core_close_range/.test(line))).not.toEqual(
    [],
  )
  expect(textOf('logs_ktap sums subtracts')).toBe(
    'KtapFailure: subtracts: EXPECTATION FAILED at sums.c:14\nExpected 2 - 1 == 2, but',
  )
  expect(textOf('no_such_module its report is complete')).toMatch(
    /no_such_module: there is no such module under test, but logs_ktap(.*\n)+this kernel has no KUnit \(CONFIG_KUNIT\): debug kernels have it/,
  )
  expect(textOf('a group of the suite a program second')).toBe('KtapFailure: why\n\non stderr:\noh')
  expect(of('missing.fixture.ts')?.message).toMatch(
    /kselftest net\/tls is not in this guest, but core\/close_range_test, net\/reuseaddr_conflict: kselftests of/,
  )
  expect(stderr).not.toContain('tainted')
  expect(status).toBe(1)
})
