// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import type { GuestSpec } from '../guest/guest.ts'
import { type Delivered, templateKey } from './template.ts'

const machine: GuestSpec['machine'] = {
  accelerator: 'tcg',
  kernel: '/boot/kernel',
  initramfs: '/image.cpio',
  parameters: ['a=b'],
  memory: 512,
  cpus: 1,
}
const spec: GuestSpec = { label: 'test', machine, identity: 'kernel image', bootLimit: 60_000 }
const delivery: Delivered = {
  package: { folder: '/guest/packages/1', files: [] },
  modules: [],
  symbols: { module: () => undefined, vmlinux: undefined },
}

test.each<[string, Partial<GuestSpec>, Partial<Delivered>]>([
  ['kernel or image', { identity: 'kernel other' }, {}],
  ['accelerator', { machine: { ...machine, accelerator: 'kvm' } }, {}],
  ['memory', { machine: { ...machine, memory: 513 } }, {}],
  ['processors', { machine: { ...machine, cpus: 2 } }, {}],
  ['parameters', { machine: { ...machine, parameters: [] } }, {}],
  ['package', {}, { package: { folder: '/guest/packages/2', files: [] } }],
])('another %s is another template', async (_what, changed, delivered) => {
  const key = await templateKey(spec, delivery)
  expect(await templateKey({ ...spec, ...changed }, { ...delivery, ...delivered })).not.toBe(key)
})

test('what is not saved is no part of its name: modules, limits, and where the files lie', async () => {
  const modules = [{ path: '/run/netlink-vmtest/modules/x.ko', content: Buffer.from('x') }]
  const elsewhere = { ...machine, kernel: '/other/kernel', initramfs: '/other.cpio' }
  const other = { ...spec, label: 'other', machine: elsewhere, bootLimit: 1, limits: { file: 1, run: 1 } }
  expect(await templateKey(other, { ...delivery, modules })).toBe(await templateKey(spec, delivery))
})
