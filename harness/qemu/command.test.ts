// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { type MachineConfig, qemuArguments } from './command.ts'

const config: MachineConfig = {
  accelerator: 'tcg',
  kernel: '/k/bzImage',
  initramfs: '/i/initramfs.cpio',
  memory: 512,
  cpus: 2,
  ports: { agent: 5, worker: 6 },
  monitor: 3,
  console: 4,
}
/** The values after each occurrence of an option. */
const values = (args: string[], option: string) =>
  args.flatMap((arg, index) => (args[index - 1] === option ? [arg] : []))

test('every port is a descriptor that QEMU inherits', () => {
  const args = qemuArguments(config)
  expect(values(args, '-chardev')).toEqual([
    'socket,id=monitor,fd=3',
    'socket,id=console,fd=4',
    'socket,id=agent,fd=5',
    'socket,id=worker,fd=6',
  ])
  expect(values(args, '-device')).toEqual([
    'virtio-serial-pci,ioeventfd=off,max_ports=3,vectors=9',
    'virtserialport,chardev=agent,name=agent,id=agent',
    'virtserialport,chardev=worker,name=worker,id=worker',
  ])
})

test('KVM takes the processor as it is, emulation all that it has but promises of fast string instructions', () => {
  expect(values(qemuArguments(config), '-cpu')).toEqual(['max,erms=off,fsrm=off,level-func7=0'])
  expect(values(qemuArguments({ ...config, accelerator: 'kvm' }), '-cpu')).toEqual(['host'])
})

test('only emulated guests have their programs always at the same addresses', () => {
  expect(values(qemuArguments(config), '-append')[0]).toMatch(/ norandmaps$/)
  expect(values(qemuArguments({ ...config, accelerator: 'kvm' }), '-append')[0]).not.toContain('norandmaps')
})

test("RAM in a file; a comma in its path does not end QEMU's option", () => {
  const args = qemuArguments({
    ...config,
    ram: { type: 'file', path: '/a,b/ram', share: false },
    incoming: true,
  })
  expect(values(args, '-object')).toEqual([
    'memory-backend-file,id=ram,size=512M,mem-path=/a,,b/ram,share=off',
  ])
  expect(values(args, '-incoming')).toEqual(['defer'])
})
