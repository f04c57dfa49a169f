// SPDX-License-Identifier: MIT
/** Several kernels in one run, as users see it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { hostLabel } from '../../kernel/provide.ts'
import { runCli } from '../fixtures/cli.ts'

function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-matrix-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The label of a kernel that will never exist. */
const nobodys = 'debian-99.9'

test('a kernel that cannot be had is a failed row, said once, and not the end of the run', async () => {
  const folder = temporaryFolder()
  const at = (name: string) => path.join(folder, name)
  const reports = ['--json', at('report.json'), '--markdown', at('report.md'), '--junit', at('report.xml')]
  const { status, stdout } = await runCli([
    'run',
    '--kernel',
    `${nobodys},${hostLabel()}`,
    'passes',
    ...reports,
  ])
  expect(stdout).toMatch(new RegExp(`^${hostLabel()} \\(.*\\): 1 file, tests 4 passed, 0 failed;`, 'm'))
  expect(stdout).toMatch(new RegExp(`^${nobodys}: did not run: no ${nobodys} in Debian's archive`, 'm'))
  expect(stdout).toMatch(/^passes\.fixture\.ts +not run +✓ 4 \(/m)
  expect(stdout.match(/^GuestLost: no debian-99\.9/gm)).toHaveLength(1)
  // A usage error: the command names a kernel that does not exist.
  expect(status).toBe(2)
  expect(readFileSync(at('report.md'), 'utf8')).toMatch(/^\| passes\.fixture\.ts \| not run \| ✓ 4 \(/m)
  const { kernels, success } = JSON.parse(readFileSync(at('report.json'), 'utf8'))
  expect(success).toBe(false)
  expect(kernels).toMatchObject([
    { label: nobodys, status: 2, error: expect.stringContaining('no such series') },
    { label: hostLabel(), status: 0, passed: 4, suites: [{ suite: 'passes.fixture.ts', passed: 4 }] },
  ])
  const junit = readFileSync(at('report.xml'), 'utf8')
  expect(junit).toContain(`<testsuite name="${hostLabel()} passes.fixture.ts"`)
  expect(junit).toMatch(new RegExp(`<testsuite name="${nobodys} passes.fixture.ts"[^>]* failures="1"`))
})

test('a failed test beside it: status 1, for that is what the run is about', async () => {
  const { status } = await runCli(['run', '--kernel', `${nobodys},${hostLabel()}`, 'fails'])
  expect(status).toBe(1)
})

test('what ends every kernel alike ends the run, with its own words', async () => {
  const { status, stdout, stderr } = await runCli([
    'run',
    '--kernel',
    `${hostLabel()},debian-6.12`,
    '--modules',
    '/nowhere',
  ])
  expect(stderr).toContain('error: --modules: there is no folder /nowhere')
  expect(stdout).toBe('')
  expect(status).toBe(2)
})

test('no kernel at all: each with its reason', async () => {
  const { status, stderr } = await runCli(['run', '--kernel', `${nobodys},debian-98.1`])
  expect(stderr).toMatch(
    /debian-99\.9: no debian-99\.9 .*\ndebian-98\.1: no debian-98\.1 .*\nerror: no kernel/,
  )
  expect(status).toBe(2)
})

test("--matrix runs the configuration's list", async () => {
  const folder = temporaryFolder()
  writeFileSync(
    path.join(folder, 'netlink-vmtest.config.ts'),
    `export default { matrix: ['${hostLabel()}', 'debian-5.10'], suites: ['*.test.ts'] }`,
  )
  writeFileSync(
    path.join(folder, 'release.test.ts'),
    "import { release } from 'node:os'\nimport { expect, test } from 'vitest'\ntest('runs', () => expect(release()).not.toBe(''))\n",
  )
  const { status, stdout } = await runCli(['--matrix'], { cwd: folder })
  expect(stdout).toMatch(new RegExp(`^suite +${hostLabel()} +debian-5\\.10$`, 'm'))
  expect(stdout).toMatch(/^debian-5\.10 \(5\.10\..*\): 1 file, tests 1 passed/m)
  expect(status).toBe(0)
})

test('a module of the kernel that one kernel of a run lacks is no mistake, and one that is optional never is', async () => {
  const folder = temporaryFolder()
  const config = (modules: string) =>
    writeFileSync(
      path.join(folder, 'netlink-vmtest.config.ts'),
      `export default { modules: [], suites: ['*.test.ts'], image: { modules: ${modules} } }`,
    )
  writeFileSync(
    path.join(folder, 'has.test.ts'),
    `import { runProgram } from 'netlink-vmtest/testing'
import { expect, test } from 'vitest'
test('bridge', async () => expect((await runProgram(['modprobe', 'bridge'])).status).toBe(0))
`,
  )
  // 7.3 has no libcrc32c any more.
  const labels = 'debian-6.1,debian-7.3'
  config("['bridge', 'libcrc32c']")
  const both = await runCli(['--kernel', labels], { cwd: folder })
  expect(both.stderr).toMatch(/debian-7\.3 \(.*\) has no module libcrc32c: its guests go without it/)
  expect(both.stdout.match(/tests 1 passed, 0 failed/g)).toHaveLength(2)
  expect(both.status).toBe(0)

  const alone = await runCli(['--kernel', 'debian-7.3'], { cwd: folder })
  expect(alone.stderr).toMatch(/has no module libcrc32c, .*write \{ name: 'libcrc32c', optional: true \}/)
  expect(alone.status).toBe(2)
  config("['bridge', { name: 'libcrc32c', optional: true }]")
  expect((await runCli(['--kernel', 'debian-7.3'], { cwd: folder })).status).toBe(0)
  config("['bridge', 'libcrc32c', 'nosuch']")
  const wrong = await runCli(['--kernel', labels], { cwd: folder })
  expect(wrong.stderr).toContain('has no module nosuch')
  expect(wrong.status).toBe(2)
})
