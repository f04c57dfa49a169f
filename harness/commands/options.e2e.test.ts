// SPDX-License-Identifier: MIT
/** Vitest's options in guests: test files on which each has a visible effect. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCli } from '../fixtures/cli.ts'

const fixtures = path.resolve(import.meta.dirname, '../fixtures')
let folder: string
let cwd: string

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-options-'))
  cwd = path.join(folder, 'options')
  for (const name of ['options', 'faults-module'])
    cpSync(path.join(fixtures, name), path.join(folder, name), { recursive: true })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly startTime: number
    readonly endTime: number
    readonly assertionResults: readonly {
      readonly title: string
      readonly status: string
      readonly failureMessages: readonly string[]
      readonly location?: object
    }[]
  }[]
}

/** Runs the fixtures; gives each test's status with the first line of its failure. */
async function runWith(...args: string[]) {
  const json = path.join(folder, 'report.json')
  const result = await runCli([...args, '--reporter=verbose', '--json', json], { cwd })
  const report: Report = JSON.parse(readFileSync(json, 'utf8'))
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults)
  const outcomes = Object.fromEntries(
    tests.map(({ title, status, failureMessages: [message = ''] }) => [
      title,
      status === 'failed' ? `failed ${message.split('\n')[0]}` : status,
    ]),
  )
  return { ...result, files: report.testResults, tests, outcomes }
}

test('those that a test worker takes once in its life', async () => {
  const { status, stdout, outcomes } = await runWith(
    ...['worker', '--globals', '--max-concurrency=2', '--disable-console-intercept', '--repeats=1'],
    ...['--execArgv=--expose-gc', '--execArgv=--title=one, "two" three'],
    ...['--env.DIGITS=007', '--mode=special'],
  )
  expect(stdout).toMatch(/^not intercepted$/m)
  expect(stdout).not.toContain('stdout |')
  // One run and one repeat.
  expect(stdout.match(/^not intercepted$/gm)).toHaveLength(2)
  expect(Object.keys(outcomes)).toHaveLength(7)
  expect(status, stdout).toBe(0)
})

test('those that change what a test may do, and what is said of it', async () => {
  const { status, stdout, files, tests, outcomes } = await runWith(
    ...['--dir=sub', '--exclude=**/excluded*', '--expect.require-assertions'],
    ...[
      '--test-timeout=400',
      '--hookTimeout=300',
      '--expect.poll.timeout=120',
      '--expect.poll.interval',
      '10',
    ],
    ...['--diff.aAnnotation=Wanted', '--diff.contextLines=1', '--chaiConfig.truncateThreshold=10'],
    ...['--clearMocks', '--unstubEnvs', '--unstub-globals', '--sequence.hooks=list'],
    ...['--no-strict-tags', '--no-inject-cjs-globals', '--attachmentsDir=attachments'],
    ...['--printConsoleTrace', '--logHeapUsage', '--includeTaskLocation', '--detectAsyncLeaks'],
    ...['--experimental.traceTimeline', '--experimental.importDurations'],
  )
  expect(files.map(({ name }) => path.basename(name))).toEqual(['effects.fixture.ts'])
  expect(outcomes).toEqual({
    'asserts nothing': 'failed Error: expected any number of assertion, but got none',
    'takes too long': 'failed TestTimeoutError: Test timed out in 400ms.',
    'may take 3000000000 ms': 'passed',
    'may take Infinity ms': 'passed',
    'may take 0 ms': 'passed',
    'its hook takes too long': 'skipped',
    differs: 'failed AssertionError: expected { …(4) } to deeply equal { …(4) }',
    polls: 'failed Error: expected 1 to be 2 // Object.is equality',
    'uses a mock': 'passed',
    'finds it as it was': 'passed',
    'has a tag': 'passed',
    'says something': 'passed',
    'attaches a file': 'passed',
    'has no require': 'passed',
    'compares a long text': "failed AssertionError: expected 'xxxxxxx…' to be null",
    'have an order': 'passed',
    'hooks were called as asked': 'passed',
  })
  expect(status).toBe(1)
  expect(stdout).toContain('HookTimeoutError: Hook timed out in 300ms.')
  // The difference has one line of context, and the given name.
  expect(stdout).toContain(
    '- Wanted\n+ Received\n\n@@ -4,3 +4,3 @@\n    "c": 3,\n-   "d": 5,\n+   "d": 4,\n  }',
  )
  expect(stdout).toMatch(/said\n ❯ sub\/effects\.fixture\.ts:\d+:\d+/)
  expect(stdout).toMatch(/✓ .*has a tag \d+ms \d+ MB heap used/)
  expect(tests.every(({ location }) => location !== undefined)).toBe(true)
  expect(stdout).toMatch(/PROMISE leaking in sub\/effects\.fixture\.ts/)
  expect(stdout).toMatch(/^Trace:\n.*\n +expect\.poll\(\)\.toBe\(\)/m)
  expect(stdout).toMatch(/^Import Duration Breakdown .*\n\n.*\n(.*\n)*sub\/effects\.fixture\.ts /m)
  expect(stdout).not.toContain('warm-up')
  expect(readdirSync(path.join(cwd, 'attachments'))).toHaveLength(1)
})

test('those of when and how often tests run, and of what is written', async () => {
  const blob = path.join(folder, 'blob.json')
  const { status, stdout, files, tests, outcomes } = await runWith(
    ...['reruns', '--retry.count=5', '--retry.condition=to be 3', '--update', '--no-allowOnly'],
    ...['--sequence.shuffle.tests', '--sequence.seed=7', '--no-file-parallelism'],
    ...['--silent', '--hide-skipped-tests', '--reporter=blob', `--outputFile.blob=${blob}`],
  )
  expect(outcomes).toMatchObject({
    'is good at the third try': 'passed',
    'has another snapshot': 'passed',
    alone:
      'failed Error: [Vitest] Unexpected .only modifier. Remove it or pass --allowOnly argument to bypass this error',
    quiet: 'passed',
  })
  expect(status).toBe(1)
  expect(stdout).toMatch(/✓ .*is good at the third try \d+ms \(retry x2\)/)
  expect(readFileSync(path.join(cwd, 'reruns/flaky.fixture.ts'), 'utf8')).toContain('"now": "another"')
  const numbers = tests.flatMap(({ title }) => (title.startsWith('number') ? [title] : []))
  expect(numbers).toHaveLength(20)
  const ran = [...stdout.matchAll(/✓ .* > (number \d+) /g)].map(([, title]) => title)
  expect(ran.toSorted()).toEqual(numbers.toSorted())
  expect(ran).not.toEqual(Array.from({ length: 20 }, (_, number) => `number ${number}`))
  const times = files.toSorted((a, b) => a.startTime - b.startTime)
  for (const [index, { startTime }] of times.entries())
    expect(startTime).toBeGreaterThanOrEqual(times[index - 1]?.endTime ?? 0)
  expect(stdout).not.toContain('unheard')
  expect(stdout).not.toContain('is skipped')
  expect(existsSync(blob)).toBe(true)
})

test('those that choose files: --lastFailed, --shard, --changed with what no file imports', async () => {
  const failed = await runWith('--last-failed', '--exclude=reruns/flaky*', 'reruns')
  expect(failed.files.map(({ name }) => path.basename(name))).toEqual(['only.fixture.ts'])

  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args], { cwd: folder })
  const refused = 'error: --changed: git does not tell what has changed; its own words are above'
  expect(await runCli(['reruns', '--changed'], { cwd })).toMatchObject({
    stdout: expect.stringContaining('Could not find Git root'),
    stderr: expect.stringContaining(refused),
    status: 2,
  })
  git('init', '-q')
  writeFileSync(path.join(folder, '.gitignore'), 'node_modules\n.netlink-vmtest\nreport.json\n')
  git('add', '.')
  git('commit', '-q', '-m', 'all')
  const unknown = await runCli(['reruns', '--changed=nosuch'], { cwd })
  expect([unknown.status, unknown.stderr]).toEqual([2, expect.stringContaining(refused)])
  const unchanged = await runCli(['reruns', '--changed'], { cwd })
  expect(unchanged.stderr).toContain('nothing ran: no test file matches')
  expect(unchanged.stdout).toContain('0 files, tests 0 passed')
  expect(unchanged.status).toBe(0)

  writeFileSync(path.join(folder, 'faults-module/notes.h'), '/* a header that came */\n')
  const changed = await runWith('reruns', '--changed', '--shard=2/3', '-t', 'number 1')
  expect(changed.files).toHaveLength(1)
})
