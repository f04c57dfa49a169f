import { expect, test } from 'vitest'
import { dependencies } from './drivers.ts'

test("what a module needs is in its .modinfo, in the file system's or the kernel's spelling", () => {
  const module = (depends: string) =>
    Buffer.from(`\x7fELF...\0license=GPL\0depends=${depends}\0retpoline=Y\0`)
  expect(dependencies(module('virtio_ring,virtio-pci-modern-dev'))).toEqual([
    'virtio_ring',
    'virtio_pci_modern_dev',
  ])
  expect(dependencies(module(''))).toEqual([])
  expect(dependencies(Buffer.from('no module'))).toEqual([])
})
