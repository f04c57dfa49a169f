// SPDX-License-Identifier: MIT
/**
 * The documents' listings as printed are known-bad modules: the suites must fail them for the known reasons.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ownFolder } from './base/own-folder.ts'
import { runCli } from './fixtures/cli.ts'

const asPrinted = ['--modules', path.join(ownFolder, 'kernel/modules/as-printed')]

/** The used part of Vitest's JSON report. */
interface Report {
  testResults: { assertionResults: { fullName: string; status: string; failureMessages: string[] }[] }[]
}

test('nlhello, nlexample and genlexample fail, each for its own reasons', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const json = path.join(folder, 'report.json')
  const { status } = await runCli(
    [...asPrinted, '--json', json, 'suites/hello', 'suites/request-ack', 'suites/errors', 'generic/requests'],
    { cwd: ownFolder },
  )
  expect(status).toBe(1)
  const report = JSON.parse(readFileSync(json, 'utf8')) as Report
  const tests = report.testResults.flatMap(file => file.assertionResults)
  const failure = (name: string) => {
    const found = tests.find(each => each.fullName.includes(name))
    return found?.status === 'failed' ? found.failureMessages.join('\n') : `${name}: ${found?.status}`
  }
  // nlhello: a line without a level is a warning
  expect(failure('a request with ACK: one')).toContain('to deeply equal [ { level: 6')
  // nlexample: unknown types are acknowledged
  expect(failure('type 18: ERROR EOPNOTSUPP')).toContain('AssertionError')
  // genlexample: without a policy the attribute is refused, so that the value stays 0
  expect(failure('UPD+ACK of 1:')).toContain('AssertionError')
  // and what the listings do right passes
  expect(tests.filter(each => each.status === 'passed').length).toBeGreaterThan(10)
})

test('nlcustom: an unprivileged message with pid 0 is the end of the kernel, reported as that test alone', async () => {
  const name = 'unprivileged with pid 0'
  const { status, stdout } = await runCli([...asPrinted, 'suites/custom-family', '-t', name], {
    cwd: ownFolder,
  })
  expect(stdout).toMatch(/× unprivileged with pid 0: the machine goes on/)
  // Where the stack overflows is chance; sometimes it is where the panic cannot be printed.
  expect(stdout).toMatch(/GuestLost: (kernel panic: |the guest reset itself )/)
  expect(stdout).toContain('Entering: custom_nl_receive_message')
  expect(stdout).toMatch(/tests 0 passed, 1 failed/)
  expect(status).toBe(1)
})
