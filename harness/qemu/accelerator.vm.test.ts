// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { cpioArchive } from '../../images/cpio.ts'
import { findBusybox } from '../../images/image.ts'
import type { Progress } from '../base/progress.ts'
import { defaultKernel } from '../fixtures/kernel.ts'
import { chooseAccelerator, probeEntries, tryAccelerator } from './accelerator.ts'

let kernel: string
let busybox: string
let initramfs: string
beforeAll(async () => {
  kernel = (await defaultKernel()).kernel.image
  busybox = await findBusybox()
  const folder = mkdtempSync(path.join(tmpdir(), 'probe-'))
  initramfs = path.join(folder, 'probe.cpio')
  writeFileSync(initramfs, cpioArchive(probeEntries(busybox)))
  return () => rmSync(folder, { recursive: true })
})

test('no device: software emulation, and the reason', async () => {
  expect(await chooseAccelerator({ kernel, busybox, device: '/dev/no-kvm' })).toEqual({
    accelerator: 'tcg',
    reason: 'there is no /dev/no-kvm on this machine',
  })
})

test('no permission for the device: software emulation, and what gives it', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'device-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const device = path.join(folder, 'kvm')
  writeFileSync(device, '', { mode: 0o600 })
  // As another user: root may open everything.
  const module = JSON.stringify(path.join(import.meta.dirname, 'accelerator.ts'))
  const script = `const { deviceObstacle } = await import(${module}); console.log(deviceObstacle(${JSON.stringify(device)}))`
  const user =
    process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'] : []
  const [file, ...args] = [...user, process.execPath, '--input-type=module', '-e', script]
  const { stdout } = await execa(file as string, args, { cwd: '/' }).catch(error => error)
  if (user.length > 0) expect(stdout).toContain(`no permission for ${device}: add yourself to its group`)
  else expect(stdout).toBe('undefined')
})

test('a device under which no guest runs: software emulation, tried once and remembered', async () => {
  const cache = mkdtempSync(path.join(tmpdir(), 'cache-'))
  onTestFinished(() => rmSync(cache, { recursive: true }))
  vi.stubEnv('XDG_CACHE_HOME', cache)
  // /dev/null opens as /dev/kvm does. The trial itself is real, whatever its result on this machine.
  const first = await chooseAccelerator({ kernel, busybox, device: '/dev/null' })
  if (first.accelerator === 'tcg') expect(first.reason).toMatch(/a guest does not run under it \(.+\)/)
  else expect(first.reason).toBe('KVM runs guests here')
  const steps: string[] = []
  const progress: Progress = {
    step(title, work) {
      steps.push(title)
      return work(() => {})
    },
    note: () => {},
  }
  expect(await chooseAccelerator({ kernel, busybox, device: '/dev/null', progress })).toEqual(first)
  expect(steps).toEqual([])
})

test('an accelerator under which guests run is told from one under which they do not', async () => {
  expect(await tryAccelerator('tcg', kernel, initramfs, 60_000)).toEqual({ runs: true })
  expect(await tryAccelerator('tcg', kernel, initramfs, 100)).toEqual({
    runs: false,
    reason: 'silent for 0.1 s',
  })
  const { runs } = await tryAccelerator('no such accelerator' as 'kvm', kernel, initramfs)
  expect(runs).toBe(false)
})
