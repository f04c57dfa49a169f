// SPDX-License-Identifier: MIT
/** The command line as its users run it: real kernels, real guests, from the outside. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { knownKernels } from '../kernel/cached.ts'
import { hostLabel } from '../kernel/provide.ts'
import { cacheRoot } from './base/cache-root.ts'
import { ownFolder } from './base/own-folder.ts'
import { fixtureProject, runCli, startCli } from './fixtures/cli.ts'
import { programsWith, qemusOf } from './fixtures/processes.ts'

const label = hostLabel()
const summary = (counts: string) =>
  new RegExp(
    `^${label} \\(\\d+\\.\\d+\\S*\\): ${counts}; boot \\d+\\.\\d s, total \\d+\\.\\d s(?:; \\d+ guests forked.*)?$`,
    'm',
  )

function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A project of its own with these files. */
function project(files: Record<string, string>): string {
  const folder = temporaryFolder()
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), content)
  }
  return folder
}

async function until<T>(what: string, probe: () => T | undefined): Promise<T> {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(20)) {
    const found = probe()
    if (found) return found
  }
  throw new Error(`${what} did not happen within a minute`)
}

beforeAll(async () => {
  // Kernel, modules, image and template are made here, so that the tests' own limits are for the tests.
  const { status, stdout, stderr } = await runCli(['build'])
  expect(stderr).not.toContain('error')
  expect(stdout).toMatch(new RegExp(`^${label}: \\d`))
  expect(status).toBe(0)
})

describe('a run', () => {
  test('that passes: the report on stdout, one line a kernel at its end, exit status 0', async () => {
    const { status, stdout, stderr } = await runCli(['passes'])
    expect(stdout).toMatch(summary('1 file, tests 4 passed, 0 failed'))
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(summary('.*'))
    expect(stdout).toMatch(/said in \d+\.\d+/)
    expect(stdout).toContain('said by a child')
    expect(stderr).not.toContain('Test Files')
    expect(status).toBe(0)
  })

  test('that fails: the difference, exit status 1, JUnit and JSON reports', async () => {
    const folder = temporaryFolder()
    const files = ['--junit', path.join(folder, 'junit.xml'), '--json', path.join(folder, 'report.json')]
    const { status, stdout } = await runCli(['fails.fixture', ...files])
    expect(stdout).toContain('-   "sequence": 2,')
    expect(stdout).toMatch(summary('1 file \\(1 failed\\), tests 1 passed, 1 failed'))
    expect(status).toBe(1)
    expect(readFileSync(path.join(folder, 'junit.xml'), 'utf8')).toMatch(
      /<testsuites .*tests="2" failures="1"/,
    )
    const report = JSON.parse(readFileSync(path.join(folder, 'report.json'), 'utf8'))
    expect(report).toMatchObject({ numPassedTests: 1, numFailedTests: 1, success: false })
  })

  test("Vitest's own options reach it: -t, --reporter, --bail", async () => {
    const named = await runCli(['passes', '-t', 'in its kernel', '--reporter=verbose'])
    expect(named.stdout).toContain(`✓ |${label}| passes.fixture.ts > it runs in the guest, in its kernel`)
    expect(named.stdout).toMatch(summary('1 file, tests 1 passed, 0 failed, 3 skipped'))
    expect(named.status).toBe(0)
    const bailed = await runCli(['fails.fixture', '--bail', '1', '--reporter', 'tap-flat'])
    expect(bailed.stdout).toContain('not ok')
    expect(bailed.status).toBe(1)
  })

  test('on a kernel given by its label, from a folder below the project', async () => {
    const { status, stdout } = await runCli(['--kernel', label, 'passes'], {
      cwd: path.join(import.meta.dirname, 'fixtures/project/__snapshots__'),
    })
    expect(stdout).toMatch(summary('1 file, tests 4 passed, 0 failed'))
    expect(status).toBe(0)
  })
})

describe('the README', () => {
  const readme = readFileSync(path.join(ownFolder, 'README.md'), 'utf8')
  const blocks = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(match => match[1] ?? '')

  test('its first suite and its configuration are what they say', async () => {
    const suite = blocks.find(block => block.includes("loadModule('nlexample')")) ?? ''
    const config = blocks.find(block => block.includes('testTimeout')) ?? ''
    const folder = project({
      'netlink-vmtest.config.ts': config.replace(/modules: 'src'.*/, ''),
      'suites/own.test.ts': suite,
    })
    const { status, stdout } = await runCli(['--kernel', label], { cwd: folder })
    expect(stdout).toMatch(summary('1 file, tests 1 passed, 0 failed'))
    expect(status).toBe(0)
  })

  test('several kernels in one run: a line each', async () => {
    const { status, stdout } = await runCli([
      '--kernel',
      'debian-6.1,debian-5.10',
      'passes',
      '-t',
      'in its kernel',
    ])
    for (const series of ['6.1', '5.10'])
      expect(stdout).toMatch(
        new RegExp(`^debian-${series} \\(${series}\\.\\d+\\S*\\): 1 file, tests 1 passed`, 'm'),
      )
    expect(status).toBe(0)
  })

  test('kernels: the labels, and what is cached of them; prune', async () => {
    const listing = await runCli(['kernels'])
    expect(listing.stdout).toMatch(
      new RegExp(`^${label} +\\d+\\.\\d+\\S* +\\d+ MB +\\d+ of [\\d.]+ [MG]B +Debian linux`, 'm'),
    )
    expect(listing.status).toBe(0)
    const json = JSON.parse((await runCli(['kernels', '--json'])).stdout)
    expect(json.find((kernel: { label: string }) => kernel.label === label).templates.count).toBeGreaterThan(
      0,
    )
    const prune = ['kernels', 'prune', '--days', '400', '--gigabytes', '1000']
    // First removes what killed runs have left.
    await runCli(prune)
    const pruned = await runCli(prune)
    expect(pruned.stdout).toBe('nothing to remove')
    expect((await runCli(['kernels', 'prune', '--days', 'many'])).status).toBe(2)
  })
})

describe('doctor', () => {
  test('says what is there, with the accelerator really tried', async () => {
    const { status, stdout } = await runCli(['doctor'])
    expect(stdout).toMatch(/^✔ qemu-system-x86_64 +QEMU emulator version/m)
    expect(stdout).toMatch(/^[✔•] accelerator +(kvm: KVM runs guests here|tcg: .+)$/m)
    expect(stdout).toMatch(/^✔ memory +.* at once$/m)
    expect(stdout).toMatch(/^✔ mirror +\S+ answers$/m)
    expect(status).toBe(0)
  })

  test('says what is not, with exit status 3', async () => {
    const folder = project({
      'netlink-vmtest.config.ts': "export default { mirror: 'http://127.0.0.1:9/debian' }",
    })
    const { status, stdout } = await runCli(['doctor', '--json'], { cwd: folder })
    const findings = JSON.parse(stdout) as { name: string; verdict: string; detail: string }[]
    expect(findings.find(({ name }) => name === 'mirror')).toMatchObject({ verdict: 'problem' })
    expect(status).toBe(3)
  })
})

describe('a guest that is lost', () => {
  test('by a kernel panic: the running test fails with the console, the rest is not run, other files are unharmed', async () => {
    const { status, stdout } = await runCli(['panics.fixture', 'passes'])
    expect(stdout).toMatch(/✓ before/)
    expect(stdout).toMatch(/× panics/)
    expect(stdout).toMatch(/↓ after \[not run: kernel panic: sysrq triggered crash\]/)
    expect(stdout).toContain('GuestLost: kernel panic: sysrq triggered crash')
    // The words before the panic, where they came to the console in time, are shown too.
    expect(stdout).toMatch(/console:\n(?:.*sysrq: Trigger a crash\n)?.*Kernel panic - not syncing/)
    expect(stdout).toMatch(summary('2 files \\(1 failed\\), tests 5 passed, 1 failed, 1 not run'))
    expect(status).toBe(1)
  })

  test('by a panic outside any test: the file fails', async () => {
    const { status, stdout } = await runCli(['panics-outside'])
    expect(stdout).toMatch(/FAIL .*panics-outside.fixture.ts/)
    expect(stdout).toContain('GuestLost: kernel panic')
    expect(stdout).toMatch(summary('1 file \\(1 failed\\), tests 1 passed, 0 failed'))
    expect(status).toBe(1)
  })

  test('by the end of its worker', async () => {
    const { status, stdout } = await runCli(['dies'])
    expect(stdout).toContain('GuestLost: the test worker was killed by SIGKILL')
    expect(status).toBe(1)
  })

  test('by a test that never gives control back', async () => {
    const { status, stdout } = await runCli(['blocks'])
    expect(stdout).toContain(
      'GuestLost: the test did not give control back within 10.1 s (its own limit is 0.1 s)',
    )
    expect(status).toBe(1)
  })

  test('by the end of QEMU, which is no fault of the module: exit status 3', async () => {
    const run = startCli(['blocks'])
    // Not by iterating: leaving the loop would close the report's stream.
    await new Promise<void>(resolve =>
      run.stdout.on('data', data => String(data).includes('blocking') && resolve()),
    )
    const [qemu] = qemusOf(run.pid as number)
    process.kill(qemu as number, 'SIGKILL')
    const { exitCode, stdout } = await run
    expect(stdout).toContain('GuestLost: QEMU was killed by SIGKILL')
    expect(exitCode).toBe(3)
  })
})

describe('nothing outlives a run', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)('that is ended by %s', async signal => {
    const run = startCli(['blocks'])
    const qemus = await until('QEMU', () =>
      qemusOf(run.pid as number).length > 0 ? qemusOf(run.pid as number) : undefined,
    )
    run.kill(signal)
    const { exitCode, stderr } = await run
    expect(exitCode).toBe({ SIGTERM: 143, SIGINT: 130, SIGKILL: undefined }[signal])
    expect(stderr).not.toMatch(/\n\s+at /)
    await until('the end of QEMU', () => qemus.every(pid => !existsSync(`/proc/${pid}`)))
  })
})

describe('what the machine or its user does', () => {
  const cli = path.join(ownFolder, 'harness/cli.ts')
  const kernels = `${process.execPath} ${cli} kernels`
  /** Runs a script in bash, which has PIPESTATUS. */
  const bash = async (script: string, env: NodeJS.ProcessEnv = {}) => {
    const cwd = path.join(import.meta.dirname, 'fixtures/project')
    const options = { cwd, env: { NO_COLOR: '1', CI: 'true', VITEST: undefined, ...env } }
    const { stdout, stderr, exitCode } = await execa('bash', ['-c', script], { ...options, reject: false })
    return { stdout, stderr, status: exitCode }
  }

  test('a reader that goes away: 141 as for any program in a pipeline, nothing on stderr, no QEMU left', async () => {
    const script = `${process.execPath} ${cli} --reporter=verbose passes blocks | head -1; echo "status \${PIPESTATUS[0]}"`
    const mark = temporaryFolder()
    const { stdout, stderr } = await bash(script, { MARK: mark })
    expect(stdout.trim().split('\n').at(-1)).toBe('status 141')
    expect(stderr).not.toMatch(/EPIPE|\n\s+at |error/i)
    expect(await bash(`${kernels} | true; echo \${PIPESTATUS[0]}`)).toMatchObject({
      stderr: '',
      stdout: '141',
    })
    await until('the end of QEMU', () => programsWith(`MARK=${mark}`).length === 0)
  })

  test.each([
    ['a full disk', `${kernels} >/dev/full`, /^error: cannot write to stdout: no space left on device$/],
    [
      'a folder that is gone',
      `d=$(mktemp -d); cd $d; rmdir $d; ${kernels}`,
      /^error: the current folder is gone: cd to one that is there$/,
    ],
    [
      'a user without a home',
      `unset HOME XDG_CACHE_HOME; exec setpriv --reuid 54321 --clear-groups ${kernels}`,
      /^error: this user has no home folder: set HOME or XDG_CACHE_HOME$/,
    ],
    [
      'a file in place of the cache',
      `XDG_CACHE_HOME=/etc/passwd ${process.execPath} ${cli} build --kernel ${label}`,
      /^error: cannot write below \/etc\/passwd\/netlink-vmtest .*: set XDG_CACHE_HOME/,
    ],
    [
      'too many files open',
      `ulimit -n 30; ${process.execPath} ${cli} passes`,
      /^error: .*: raise the number of files that a process may have open \(ulimit -n\)$/,
    ],
  ])('%s: one line, exit status 3', async (_what, script, line) => {
    const { status, stdout, stderr } = await bash(script)
    expect(stderr.trim().split('\n').at(-1)).toMatch(line)
    expect(stderr).not.toMatch(/\n\s+at /)
    expect([status, stdout]).toEqual([3, ''])
  })

  test('doctor says of a cache and a place for temporary files that cannot be used what they are', async () => {
    const script = `${process.execPath} ${cli} doctor`
    const { status, stdout } = await bash(script, { XDG_CACHE_HOME: '/etc/passwd', TMPDIR: '/nowhere' })
    expect(stdout).toMatch(/^✖ disk +not a directory \(access \/etc\/passwd\/\.\): .*/m)
    expect(stdout).toMatch(/^✖ mirror +no such file or directory \(mkdtemp \/nowhere\/.*\): .*TMPDIR/m)
    expect(status).toBe(3)
  })
})

describe('modules', () => {
  const kbuild = 'obj-m := broken.o\n'
  const suite = {
    'netlink-vmtest.config.ts': "export default { suites: ['*.test.ts'] }",
    'load.test.ts':
      "import { test } from 'vitest'\nimport { loadModule } from 'netlink-vmtest/testing'\ntest('loads', () => loadModule('broken'))\n",
  }

  test("that do not compile: the compiler's own lines, exit status 1", async () => {
    const folder = project({
      ...suite,
      'm/Kbuild': kbuild,
      'm/broken.c': 'int broken(void)\n{\n\treturn not_declared;\n}\n',
    })
    const { status, stdout, stderr } = await runCli(['--modules', 'm'], { cwd: folder })
    expect(stderr).toMatch(/broken\.c:3:\d+: error: .not_declared. undeclared/)
    expect(stderr).toMatch(/^error: /m)
    expect(stdout).toBe('')
    expect(status).toBe(1)
    expect(existsSync(path.join(folder, 'm/broken.o'))).toBe(false)
  })

  test("that do not load: the kernel's own lines, exit status 1", async () => {
    const source = `#include <linux/module.h>
static int __init broken_init(void)
{
	pr_err("broken: not today\\n");
	return -ENODEV;
}
module_init(broken_init);
MODULE_DESCRIPTION("a module that does not load");
MODULE_LICENSE("GPL");
`
    const folder = project({ ...suite, 'm/Kbuild': kbuild, 'm/broken.c': source })
    const { status, stdout } = await runCli(['--modules', 'm'], { cwd: folder })
    expect(stdout).toContain('ENODEV')
    expect(stdout).toContain('broken: not today')
    expect(status).toBe(1)
  })
})

describe('what cannot be done is said in a line or two', () => {
  const lines = (text: string) => text.trim().split('\n')
  const clean = (text: string) => expect(text).not.toMatch(/\n\s+at |Error:/)

  test.each([
    ['an unknown label', ['--kernel', 'debian-1.2'], /unknown kernel debian-1\.2: .*debian-6\.1/],
    [
      'an unknown option',
      ['--bogus'],
      /Unknown option `--bogus` \(neither ours nor Vitest's; .* lists ours\)/,
    ],
    [
      'an option that would run tests on this machine',
      ['passes', '--pool=forks'],
      /--pool has no place here: tests run in guests/,
    ],
    ['a value that Vitest refuses', ['passes', '--shard=5/2'], /Vitest refuses that: .*shard/],
    ['a reporter that is none', ['passes', '--reporter=nope'], /Vitest refuses that: .*nope/],
    ['a file filter that matches nothing', ['no-such-file'], /no test file matches.*no-such-file/],
    [
      'a name filter that matches nothing',
      ['passes', '-t', 'no such test'],
      /no test's name matches.*no such test/,
    ],
    ['a module directory that is not there', ['--modules', '/nowhere'], /\/nowhere/],
    ['an option without its value', ['--kernel'], /--kernel/],
    [
      'several kernels in one pack',
      ['build', '--kernel', 'debian-6.1,debian-5.10', '--pack', 'x.pack'],
      /--pack takes one kernel, and these are 2: choose one by --kernel/,
    ],
    ['a report where a folder is', ['passes', '--junit', '/'], /cannot write the report \/: it is a folder/],
    ['an option of ours given twice', ['--kernel', label, '--kernel', label], /--kernel.* was given before/],
    ['a folder without suites', ['--dir=__snapshots__'], /no test file matches/],
  ])('%s: exit status 2', async (_what, args, message) => {
    const { status, stderr } = await runCli(args)
    expect(stderr).toMatch(message)
    clean(stderr)
    expect(status).toBe(2)
  })

  test.each([
    [
      'a configuration with a wrong value',
      'export default { vm: { memory: 64 } }',
      /netlink-vmtest\.config\.ts:1:24: vm\.memory/,
      2,
    ],
    [
      'a configuration that does not load',
      'export default {',
      /netlink-vmtest\.config\.ts cannot be loaded/,
      2,
    ],
    [
      'a configuration that waits for what never happens',
      'await new Promise(() => {})\nexport default {}',
      /netlink-vmtest\.config\.ts does not come to an end: it waits for what never happens/,
      2,
    ],
    [
      'more memory than there is',
      'export default { vm: { memory: 9000000 } }',
      /9000100 MiB of memory.*vm\.memory/,
      3,
    ],
  ])('%s', async (_what, config, message, expected) => {
    const folder = project({ 'netlink-vmtest.config.ts': config, 'suites/a.test.ts': '' })
    const { status, stderr } = await runCli([], { cwd: folder })
    expect(stderr).toMatch(message)
    clean(stderr)
    expect(status).toBe(expected)
  })

  test.each([
    ['qemu-system-x86_64', 'qemu-system-x86'],
    ['setpriv', 'util-linux'],
    ['busybox', 'busybox-static'],
    ['gcc*', 'gcc'],
    ['make', 'make'],
    ['strip', 'binutils'],
  ])('no %s: exit status 3, and the package that has it', async (tool, debian) => {
    const bin = temporaryFolder()
    for (const folder of ['/usr/bin', '/bin', '/usr/sbin'])
      execFileSync('sh', ['-c', `cp -sn ${folder}/* ${bin}/ 2>/dev/null; rm -f ${bin}/${tool}`])
    const folder = project({
      'netlink-vmtest.config.ts': "export default { suites: ['*.test.ts'], modules: 'm' }",
      'm/Kbuild': 'obj-m := mine.o\n',
      // in no cache
      'm/mine.c': `#include <linux/module.h>\nMODULE_DESCRIPTION("${bin}");\nMODULE_LICENSE("GPL");\n`,
    })
    const { status, stdout, stderr } = await runCli(['passes'], { cwd: folder, env: { PATH: bin } })
    const words = `error: ${tool.replace('*', '')} is not on the PATH: apt-get install ${debian}`
    expect([status, stdout, lines(stderr).at(-1)]).toEqual([3, '', words])
    clean(stderr)
  })

  test('a full disk: exit status 3, and nothing half-made that breaks the next run', async () => {
    const cache = temporaryFolder()
    // the kernel is there already: what is made of it finds no room
    const folders = knownKernels().find(it => it.label === label)?.folders ?? []
    const had = ['apt/resolved', ...folders.map(it => path.relative(cacheRoot(), it))]
    const du = execFileSync('du', ['-smc', ...had], { cwd: cacheRoot(), encoding: 'utf8' })
    const room = Number.parseInt(lines(du).at(-1) ?? '', 10) + 20
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${room}m`, 'tmpfs', cache])
    onTestFinished(() => void execFileSync('umount', ['-l', cache]))
    const into = path.join(cache, 'netlink-vmtest')
    mkdirSync(into)
    execFileSync('cp', ['-a', '--parents', ...had, into], { cwd: cacheRoot() })
    const full = await runCli(['passes'], { env: { XDG_CACHE_HOME: cache } })
    expect(lines(full.stderr).at(-1)).toMatch(/no space/i)
    clean(full.stderr)
    expect(full.status).toBe(3)
    execFileSync('mount', ['-o', 'remount,size=2g', cache])
    expect((await runCli(['passes'], { env: { XDG_CACHE_HOME: cache } })).status).toBe(0)
  })
})

test('at a terminal the exit status is that of the run, too', async () => {
  for (const [name, wanted] of [
    ['passes', 0],
    ['fails', 1],
  ] as const) {
    const command = `${process.execPath} ${path.join(ownFolder, 'harness/cli.ts')} ${name}`
    const { stdout, exitCode } = await execa('script', ['-qefc', command, '/dev/null'], {
      cwd: fixtureProject,
      env: { CI: undefined, VITEST: undefined },
      stdin: 'ignore',
      reject: false,
    })
    expect(stdout).toMatch(/: 1 file.*; boot .* total .* s/)
    expect(stdout).not.toContain('Warning')
    expect(exitCode).toBe(wanted)
  }
})

describe('run-vm.sh', () => {
  const says = {
    'netlink-vmtest.config.ts': 'throw new Error("for others: " + process.env.NODE_COMPILE_CACHE)',
  }
  const front = async (env: NodeJS.ProcessEnv) =>
    await execa(path.join(ownFolder, 'run-vm.sh'), [], {
      cwd: project(says),
      env: { NO_COLOR: '1', NODE_COMPILE_CACHE: undefined, ...env },
      reject: false,
    })

  test('what Node compiled is kept in the cache, and what it starts is told nothing of it', async () => {
    const XDG_CACHE_HOME = temporaryFolder()
    const { exitCode, stderr } = await front({ XDG_CACHE_HOME })
    expect(stderr).toContain('for others: undefined')
    expect(exitCode).toBe(2)
    const [kept = ''] = readdirSync(path.join(XDG_CACHE_HOME, 'netlink-vmtest/compiled'))
    expect(kept).toMatch(/^v\d+/)
    expect(readdirSync(path.join(XDG_CACHE_HOME, 'netlink-vmtest/compiled', kept)).length).toBeGreaterThan(10)
  })

  test('where the environment says where to keep it, it is kept there', async () => {
    const [XDG_CACHE_HOME, own] = [temporaryFolder(), temporaryFolder()]
    const { stderr } = await front({ XDG_CACHE_HOME, NODE_COMPILE_CACHE: own })
    expect(stderr).toContain(`for others: ${own}`)
    expect(readdirSync(own)).toHaveLength(1)
    expect(existsSync(path.join(XDG_CACHE_HOME, 'netlink-vmtest/compiled'))).toBe(false)
  })

  test('a place that cannot be written to costs no more than the time', async () => {
    const XDG_CACHE_HOME = path.join(project({ cache: '' }), 'cache')
    const { exitCode, stderr } = await front({ XDG_CACHE_HOME })
    expect(stderr).toContain('for others: undefined')
    expect(exitCode).toBe(2)
  })
})

test("vm.isolate 'test': each test has a guest of its own, and what kills one is that one's alone", async () => {
  const fixtures = path.join(import.meta.dirname, 'fixtures/project')
  const folder = project({
    'netlink-vmtest.config.ts': "export default { suites: ['*.fixture.ts'], vm: { isolate: 'test' } }",
    'a.fixture.ts': readFileSync(path.join(fixtures, 'per-test.fixture.ts'), 'utf8'),
  })
  const { status, stdout } = await runCli(['--reporter=verbose'], { cwd: folder })
  for (const [mark, name] of [
    '✓ a suite > one',
    '✓ a suite > two',
    '× panics',
    '× fails',
    '↓ skipped',
    '✓ after',
  ].map(row => [row[0], row.slice(2)]))
    expect(stdout).toContain(`${mark} |${label}| a.fixture.ts > ${name}`)
  expect(stdout.match(/✓ .* > one/g)).toHaveLength(1)
  expect(stdout).toContain('GuestLost: kernel panic')
  expect(stdout).not.toContain('\u001b')
  expect(stdout).toMatch(summary('1 file \\(1 failed\\), tests 3 passed, 2 failed, 1 skipped'))
  expect(status).toBe(1)
})

test("vm.isolate 'test': a file that defines other tests each time: the same test, or none, is run", async () => {
  // What is read is in the guest, and another each time: the places of tests move from load to load.
  const file = `
    import { describe, test } from 'vitest'
    const chance = Math.random()
    for (let n = 0; n < chance * 100; n++) describe.skip('by chance', () => test('other', () => {}))
    test('only here: ' + chance, () => {})
    describe('always', () => {
      test('same name', () => console.log('RAN one'))
      test('same name', () => { throw new Error('second') })
    })`
  const folder = project({
    'netlink-vmtest.config.ts': "export default { suites: ['*.fixture.ts'], vm: { isolate: 'test' } }",
    'a.fixture.ts': file,
  })
  const { status, stdout } = await runCli(['--reporter=verbose'], { cwd: folder })
  expect(stdout).toMatch(/× .* > only here: .*/)
  expect(stdout).toMatch(/TestMissing: "only here: .*" is not in the file when that is loaded for it alone/)
  expect(stdout).toMatch(/✓ .* > always > same name/)
  expect(stdout).toMatch(/× .* > always > same name/)
  expect(stdout).toContain('Error: second')
  expect(stdout).toMatch(/\| .* > always > same name\n.*RAN one/)
  expect(status).toBe(1)
})

test('two guests of one template have nothing random in common, and both have the right time', async () => {
  const { status, stdout } = await runCli(['identity'])
  expect(status).toBe(0)
  const [first, second] = [...stdout.matchAll(/IDENTITY (.*)/g)].map(match => JSON.parse(match[1] ?? ''))
  expect(Object.keys(first)).toEqual(Object.keys(second))
  for (const name of Object.keys(first)) if (name !== 'time') expect(first[name], name).not.toBe(second[name])
  for (const { time } of [first, second]) expect(Math.abs(Date.now() - time)).toBeLessThan(120_000)
})
