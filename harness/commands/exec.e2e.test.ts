// SPDX-License-Identifier: MIT
/** `exec` and `shell` as their users run them. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hostLabel } from '../../kernel/provide.ts'
import { runCli, startCli } from '../fixtures/cli.ts'
import { qemusOf } from '../fixtures/processes.ts'

let folder: string
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  // Makes kernel, image and template, so that the tests' own limits are for the tests.
  expect((await runCli(['build', '--kernel', hostLabel()])).status).toBe(0)
})
afterAll(() => rmSync(folder, { recursive: true }))

const exec = (...args: string[]) => runCli(['exec', ...args])

describe('a command', () => {
  test('stdout and stderr apart, nothing but its own on them, its exit status', async () => {
    const result = await exec('--', 'sh', '-c', 'echo out; echo err >/dev/stderr; exit 7')
    expect(result).toEqual({ status: 7, stdout: 'out', stderr: 'err' })
  })

  test('stdout and stderr to one place: in the order of writing', async () => {
    const cli = path.resolve(import.meta.dirname, '../cli.ts')
    const script = 'for i in $(seq 200); do echo out $i; echo err $i >&2; done'
    const run = `${process.execPath} ${cli} exec -- sh -c '${script}' 2>&1`
    const { stdout } = await execa('sh', ['-c', run], { timeout: 60_000 })
    const numbers = Array.from({ length: 200 }, (_, index) => index + 1)
    // On a busy machine the harness has something to say on stderr, too.
    const lines = stdout.split('\n').filter(line => /^(?:out|err)\b/.test(line))
    expect(lines).toEqual(numbers.flatMap(n => [`out ${n}`, `err ${n}`]))
  })

  test('in the background of a terminal: runs there, and reads what is typed when it is brought to the front', async () => {
    const cli = `${process.execPath} ${path.resolve(import.meta.dirname, '../cli.ts')} exec --`
    const pipe = path.join(folder, 'said')
    execFileSync('mkfifo', [pipe])
    const asks = "sh -c 'echo ready >&2; read x; echo got $x'"
    const script = [
      `${cli} echo ran & wait -f $!; echo "status $?"`,
      `${cli} ${asks} 2>${pipe} & read line <${pipe}; echo "in front"; fg`,
    ].join('\n')
    const file = path.join(folder, 'jobs')
    writeFileSync(file, script)
    const run = execa('script', ['-qefc', `bash -m ${file}`, '/dev/null'], {
      reject: false,
      timeout: 100_000,
      all: true,
    })
    // Typed in advance: a background process that reads the terminal would get it.
    run.stdin.write('hello\r')
    const { all: output } = await run
    expect(output).toMatch(/ran\r\n(.*\r\n)*?status 0\r\n/)
    expect(output).toContain('got hello')
  })

  test.each([
    ['TERM', 143],
    // a real-time signal, which has no name
    ['34', 162],
  ])('the signal %s: 128 and its number', async (signal, status) => {
    expect((await exec('--', 'sh', '-c', `kill -${signal} $$`)).status).toBe(status)
  })

  test.each([
    ['nosuch', 127, 'nosuch is not in the guest'],
    ['/etc/passwd', 126, '/etc/passwd is not executable'],
  ])('that cannot be started: %s ends with %i', async (command, status, reason) => {
    const result = await exec('--', command)
    expect(result.stderr).toContain(reason)
    expect(result.status).toBe(status)
  })

  test('stdin is connected, and its end; megabytes come through whole', async () => {
    const input = Buffer.alloc(3_000_000, 'netlink')
    const { status, stdout } = await runCli(['exec', '--', 'sh', '-c', 'cat; echo; echo end'], { input })
    expect(stdout === `${input.toString()}\nend`).toBe(true)
    expect(status).toBe(0)
  })

  test('stdin is a stream: an answer comes before more is asked', async () => {
    const run = execa(
      process.execPath,
      [
        path.resolve(import.meta.dirname, '../cli.ts'),
        'exec',
        '--',
        'sh',
        '-c',
        'while read x; do echo "got $x"; done',
      ],
      { reject: false, timeout: 60_000 },
    )
    const answers = run.iterable({ from: 'stdout' })
    for (const line of ['one', 'two']) {
      run.stdin.write(`${line}\n`)
      expect((await answers.next()).value).toBe(`got ${line}`)
    }
    run.stdin.end()
    expect((await run).exitCode).toBe(0)
  })

  test('what it leaves in the background does not hold it up', async () => {
    const result = await exec('--', 'sh', '-c', 'sleep 1000 & echo started')
    expect(result).toMatchObject({ status: 0, stdout: 'started' })
  })

  test.each(['SIGTERM', 'SIGINT'] as const)('%s ends everything', async signal => {
    const run = startCli(['exec', '--', 'sh', '-c', 'echo running; exec sleep 1000'])
    await new Promise<void>(resolve => run.stdout.once('data', () => resolve()))
    const qemus = qemusOf(run.pid as number)
    expect(qemus).toHaveLength(1)
    run.kill(signal)
    expect((await run).exitCode).toBe({ SIGTERM: 143, SIGINT: 130 }[signal])
    await expect.poll(() => qemus.filter(pid => existsSync(`/proc/${pid}/exe`))).toEqual([])
  })

  test('a kernel panic is said, with the console: exit status 1', async () => {
    const { status, stderr } = await exec('--', 'sh', '-c', 'echo c >/proc/sysrq-trigger')
    expect(stderr).toContain('was lost: kernel panic: sysrq triggered crash')
    expect(stderr).toContain('Kernel panic - not syncing')
    expect(status).toBe(1)
  })
})

describe('modules', () => {
  test('are loaded in the order given', async () => {
    const { status, stdout } = await exec(
      ...['--module', 'genlexample', '--module', 'nlexample', '--', 'sh', '-c', 'lsmod | cut -d" " -f1'],
    )
    expect(stdout.split('\n').slice(1, 3)).toEqual(['nlexample', 'genlexample'])
    expect(status).toBe(0)
  })

  test('with parameters, on a kernel with some: values with spaces reach both whole', async () => {
    const project = path.join(folder, 'project')
    mkdirSync(path.join(project, 'm'), { recursive: true })
    writeFileSync(path.join(project, 'm/Kbuild'), 'obj-m := mine.o\n')
    writeFileSync(
      path.join(project, 'm/mine.c'),
      `#include <linux/module.h>
static int number;
module_param(number, int, 0444);
static char *text;
module_param(text, charp, 0444);
MODULE_DESCRIPTION("a module with parameters");
MODULE_LICENSE("GPL");
`,
    )
    writeFileSync(
      path.join(project, 'netlink-vmtest.config.ts'),
      `export default { modules: 'm', vm: { parameters: ['dyndbg=file x +p', 'own="a  b"'] } }`,
    )
    const module = ['--module', 'mine number=7 text="one two"']
    const look = "cat /sys/module/mine/parameters/*; grep -o 'dyndbg=.* own=.*' /proc/cmdline"
    const { status, stdout } = await runCli(['exec', ...module, '--', 'sh', '-c', look], { cwd: project })
    expect(stdout.split('\n')).toEqual(['7', 'one two', 'dyndbg="file x +p" own="a  b"'])
    expect(status).toBe(0)
  })

  test("one that does not load: the kernel's own words, exit status 1", async () => {
    const { status, stderr } = await exec('--module', 'nlexample', '--module', 'nlhello', '--', 'true')
    // Its init runs once.
    expect(stderr.match(/Can't create netlink/g)).toHaveLength(1)
    expect(stderr).toContain("Can't create netlink")
    expect(stderr).toContain('error: nlhello does not load')
    expect(status).toBe(1)
  })

  test('one that is not there: those that are, exit status 2', async () => {
    const { status, stderr } = await exec('--module', 'nosuch', '--', 'true')
    expect(stderr).toMatch(
      /^error: there is no module nosuch: choose one of genlexample, nlcustom, nlexample, nlhello(; debian-full-[\d.]+ has the modules of all Debian machines)?$/,
    )
    expect(status).toBe(2)
  })
})

describe('what is copied in runs', () => {
  const source =
    '#include <stdio.h>\nint main(void) { int c; while ((c = getchar()) != EOF) putchar(c); return 42; }\n'

  test.each([
    ['static', ['-static']],
    ['dynamic', []],
  ])('a %s program built here', async (name, options) => {
    const program = path.join(folder, name)
    execFileSync('gcc', ['-x', 'c', '-', '-o', program, ...options], { input: source })
    const args = ['exec', '--copy', program, '--', program]
    expect(await runCli(args, { input: 'in' })).toEqual({ status: 42, stdout: 'in', stderr: '' })
  })

  test('a program with a library of its own', async () => {
    const lib = path.join(folder, 'lib')
    mkdirSync(lib)
    execFileSync('gcc', ['-x', 'c', '-', '-shared', '-fPIC', '-o', path.join(lib, 'libfive.so')], {
      input: 'int five(void) { return 5; }\n',
    })
    execFileSync(
      'gcc',
      ['-x', 'c', '-', '-o', path.join(folder, 'five'), `-L${lib}`, '-lfive', '-Wl,-rpath,$ORIGIN/lib'],
      { input: 'int five(void);\nint main(void) { return five(); }\n' },
    )
    expect((await exec('--copy', `${folder}/five:/tmp`, '--', '/tmp/five')).status).toBe(5)
  })

  test.each([
    ['#!/bin/sh\necho script $1\n', 'script a'],
    ['#!/usr/bin/env node\nconsole.log(process.argv[2], process.version)\n', `a ${process.version}`],
  ])('a script: %j', async (text, said) => {
    const script = path.join(folder, 'script')
    writeFileSync(script, text, { mode: 0o755 })
    expect(await exec('--copy', script, '--', 'script', 'a')).toEqual({ status: 0, stdout: said, stderr: '' })
  })

  test('a folder as it is: empty folders, links that lead nowhere, modes, names of any bytes', async () => {
    const tree = path.join(folder, 'tree')
    mkdirSync(path.join(tree, 'empty'), { recursive: true })
    chmodSync(path.join(tree, 'empty'), 0o1770)
    writeFileSync(Buffer.from(`${tree}/\xff`, 'latin1'), 'odd', { mode: 0o600 })
    for (const [name, target] of [
      ['dangling', '../nowhere'],
      ['itself', 'itself'],
      ['parent', '..'],
    ] as const)
      symlinkSync(target, path.join(tree, name))
    const look =
      'cd /tmp/t; for f in *; do stat -c "%a %F" "$f"; readlink "$f"; done; cat "$(printf "\\377")"'
    const { status, stdout, stderr } = await exec('--copy', `${tree}:/tmp/t`, '--', 'sh', '-c', look)
    const links = ['../nowhere', 'itself', '..'].flatMap(target => ['777 symbolic link', target])
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout.split('\n')).toEqual([
      ...links.slice(0, 2),
      '1770 directory',
      ...links.slice(2),
      '600 regular file',
      'odd',
    ])
  })

  test.each([600_000_000, 2_500_000_000])(
    '%i bytes into 512 MiB: exit status 2, and what is enough',
    async size => {
      const large = path.join(folder, 'large')
      writeFileSync(large, '')
      truncateSync(large, size)
      const { status, stdout, stderr } = await exec('--copy', `${large}:/tmp/`, '--', 'true')
      expect(stderr).toMatch(
        /^error: the copies take [\d.]+ [MG]B, and the guest has room for \d+ MB: set vm\.memory to \d+ \(MiB\)$/,
      )
      expect([status, stdout]).toEqual([2, ''])
    },
  )

  test('into /proc: exit status 2, and why', async () => {
    writeFileSync(path.join(folder, 'empty'), '')
    const { status, stderr } = await exec('--copy', `${folder}/empty:/proc/x`, '--', 'true')
    expect(stderr).toBe(
      "error: cannot copy to /proc/x: the files of that file system are the kernel's own, and it takes no others",
    )
    expect(status).toBe(2)
  })

  test('what is not there: exit status 2', async () => {
    const { status, stderr } = await exec('--copy', 'nosuch', '--', 'true')
    expect(stderr).toMatch(/^error: cannot copy nosuch: ENOENT/)
    expect(status).toBe(2)
  })
})

describe('a shell', () => {
  test('without a terminal: commands from stdin', async () => {
    const result = await runCli(['shell', '--module', 'nlexample'], {
      input: 'cut -d" " -f1 /proc/modules | grep nlexample\nfalse\n',
    })
    expect(result).toEqual({ status: 1, stdout: 'nlexample', stderr: '' })
  })

  test("at a terminal: its size, job control, the shell's exit status", async () => {
    const cli = path.resolve(import.meta.dirname, '../cli.ts')
    // script gives it a terminal
    const run = execa(
      'script',
      ['-qefc', `stty rows 33 cols 101; ${process.execPath} ${cli} shell --module nlexample`, '/dev/null'],
      { reject: false, timeout: 60_000, all: true, env: { NO_COLOR: '1' } },
    )
    const said = async (text: string) => {
      await expect.poll(() => output, { timeout: 50_000 }).toContain(text)
      output = output.slice(output.indexOf(text) + text.length)
    }
    let output = ''
    run.all.on('data', data => {
      output += String(data)
    })
    await said('nlexample loaded')
    await said('# ')
    run.stdin.write('stty size; tty\r')
    await said('33 101')
    await said('/dev/pts/0')
    run.stdin.write('echo ready; sleep 1000\r')
    await said('\nready')
    run.stdin.write('\x03')
    await said('# ')
    run.stdin.write('exit 9\r')
    expect((await run).exitCode).toBe(9)
  })
})
