// SPDX-License-Identifier: MIT
/** A project's additions to its guests: in-tree modules and programs of this machine. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runCli } from '../harness/fixtures/cli.ts'
import { leastMemory } from '../harness/prepare/settings.ts'
import { hostLabel } from '../kernel/provide.ts'
import { startFlag } from './precompiled.ts'

/** A project whose configuration has this `image` and `vm`. */
function project(image: object, vm: object = {}): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(
    path.join(folder, 'netlink-vmtest.config.ts'),
    `export default { image: ${JSON.stringify(image)}, vm: ${JSON.stringify(vm)} }`,
  )
  writeFileSync(path.join(folder, 'tool'), '#!/bin/sh\nip -j link show "$1"\n')
  chmodSync(path.join(folder, 'tool'), 0o755)
  return folder
}

const exec = (folder: string, script: string) =>
  runCli(['exec', '--kernel', hostLabel(), '--', 'sh', '-c', script], { cwd: folder })

test('modules with what they need, by modprobe and by the kernel itself; programs with their libraries', async () => {
  const folder = project({ modules: ['macvlan'], programs: ['./tool', 'ss'] })
  const { status, stdout, stderr } = await exec(
    folder,
    'modprobe macvlan && ip link add v0 type veth && ip link add m0 link v0 type macvlan && tool m0 && ss -V && modprobe nosuch',
  )
  expect(stderr).toContain('modprobe: module nosuch not found in modules.dep')
  expect(stdout).toContain('"ifname":"m0"')
  expect(stdout).toContain('ss utility, iproute2')
  expect(status).toBe(1)
})

test('an edited program is in the next guest, without another image or template', async () => {
  const folder = project({ programs: ['./tool', 'ss'] })
  writeFileSync(path.join(folder, 'tool'), '#!/bin/sh\necho first\n')
  expect(await exec(folder, 'tool && ss -V')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^first\nss utility/),
  })
  writeFileSync(path.join(folder, 'tool'), '#!/bin/sh\necho second\n')
  expect(await exec(folder, 'tool')).toEqual({ status: 0, stdout: 'second', stderr: '' })
})

test("a module that cloud kernels lack: the error names Debian's full kernel, which has it", async () => {
  const folder = project({ modules: ['mac80211_hwsim'] })
  const full = hostLabel().replace('debian-', 'debian-full-')
  const refused = await exec(folder, 'true')
  expect(refused.stderr).toContain(`has no module mac80211_hwsim`)
  expect(refused.stderr).toContain(`${full} has the modules of all Debian machines`)
  expect(refused.status).toBe(2)
  const script = 'modprobe mac80211_hwsim && ls /sys/class/ieee80211 && uname -r'
  const has = await runCli(['exec', '--kernel', full, '--', 'sh', '-c', script], { cwd: folder })
  expect(has).toMatchObject({ status: 0, stdout: expect.stringMatching(/^phy0\nphy1\n.*[^d]-amd64$/) })
}, 600_000)

test.each([
  [{ modules: ['nosuch'] }, /image\.modules: .* has no module nosuch, neither to load nor built in/],
  [{ programs: ['nosuch'] }, /image\.programs: nosuch is on nobody's PATH on this machine/],
  [{ programs: 'ip' }, /image\.programs: .*Array/],
])('%j is refused', async (image, reason) => {
  const { status, stderr } = await exec(project(image), 'true')
  expect(stderr).toMatch(reason)
  expect(status).toBe(2)
})

test("the documents' programs start by V8's code, which the guest's node takes", async () => {
  const look = `
    const { readFileSync, globSync } = require('node:fs')
    for (const filename of globSync('/guest/programs/*.js')) {
      const cachedData = readFileSync(filename + '.code')
      console.log(new (require('node:vm').Script)(readFileSync(filename, 'latin1'), { filename, cachedData }).cachedDataRejected)
    }`
  const { status, stdout } = await runCli([
    'exec',
    '--kernel',
    hostLabel(),
    '--',
    'node',
    startFlag,
    '-e',
    look,
  ])
  expect(stdout.split('\n')).toEqual(Array.from({ length: 6 }, () => 'false'))
  expect(status).toBe(0)
})

test('node lies in large pages where the kernel has them, and is mapped by them', async () => {
  const look = `console.log(process.execPath, /ShmemPmdMapped: +(\\d+) kB/.exec(require('node:fs').readFileSync('/proc/meminfo', 'utf8'))[1])`
  const { status, stdout } = await runCli(['exec', '--kernel', hostLabel(), '--', 'node', '-e', look])
  const [place, mapped] = stdout.split(' ')
  expect(place).toBe('/usr/lib/node/node')
  expect(Number(mapped)).toBeGreaterThan(32 * 1024)
  expect(status).toBe(0)
})

test('the least memory that a guest may have lets it boot', async () => {
  const folder = project({}, { memory: leastMemory })
  const { status, stdout, stderr } = await exec(folder, 'node -e "console.log(1 + 1)"')
  expect(stderr).not.toContain('lost')
  expect(stdout).toBe('2')
  expect(status).toBe(0)
})
