// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { requireFolders, requireRoom, type Surroundings } from './guest-space.ts'

const MB = 1e6
const around: Surroundings = {
  memory: 300 * MB,
  places: new Map([
    ['/root/a', { isFolder: false, system: 'root', room: 150 * MB, isKernels: false }],
    ['/tmp/b', { isFolder: true, system: 'tmp', room: 200 * MB, isKernels: false }],
    ['/proc/x', { isFolder: false, system: 'proc', room: 0, isKernels: true }],
    ['/', { isFolder: true, system: 'root', room: 150 * MB, isKernels: false }],
  ]),
}
const file = (place: string, size: number) => ({ place: Buffer.from(place), size: size * MB })
const refused =
  (...files: ReturnType<typeof file>[]) =>
  () =>
    requireRoom(files, around, 512)

test('what fits is let through', () => {
  expect(refused(file('/root/a', 150))).not.toThrow()
  expect(refused(file('/root/a', 60), file('/tmp/b/x', 200))).not.toThrow()
})

test('where only the kernel makes files nothing is copied', () => {
  expect(() => requireFolders([{ place: '/tmp/b' }, { place: '/proc/x' }], around)).toThrow(
    "cannot copy to /proc/x: the files of that file system are the kernel's own, and it takes no others",
  )
  expect(() => requireFolders([{ place: '/tmp/b/x' }, { place: '/process' }], around)).not.toThrow()
})

test('what does not fit into its file system, or the memory, is told with what is enough', () => {
  expect(refused(file('/root/a', 151))).toThrow(
    'the copies take 151 MB, and the guest has room for 150 MB: set vm.memory to 576 (MiB)',
  )
  // a library, whose place was not asked for
  expect(refused(file('/root/a', 149), file('/usr/lib/x.so', 2))).toThrow('take 151 MB')
  expect(refused(file('/tmp/b/x', 199), file('/root/a', 149))).toThrow(
    'take 348 MB, and the guest has room for 266 MB',
  )
  expect(refused(file('/root/a', 2e3))).toThrow('set vm.memory to')
})
