// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { expect, onTestFinished, test, vi } from 'vitest'
import { kernelModules } from './kernel-modules.ts'

/** A kernel's modules, each with its .modinfo, and its list of built-in ones. */
function kernel(modules: Record<string, readonly string[]>, builtIn = '') {
  const moduleTree = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(moduleTree, { recursive: true }))
  for (const [file, info] of Object.entries(modules)) {
    const place = path.join(moduleTree, file)
    mkdirSync(path.dirname(place), { recursive: true })
    const input = ['.section .modinfo', ...info.map(entry => `.asciz "${entry}"`), ''].join('\n')
    execFileSync('gcc', ['-c', '-x', 'assembler', '-o', place, '-'], { input })
  }
  writeFileSync(path.join(moduleTree, 'modules.builtin'), builtIn)
  return { label: 'test-1.0', release: '1.0', moduleTree, build: { output: '/nowhere' } }
}

/** A PATH with these programs only. */
function pathWithOnly(...programs: readonly string[]): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const program of programs)
    symlinkSync(
      execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim(),
      path.join(folder, program),
    )
  return folder
}

test('what a module wishes to be loaded before it: if it is there, and not in a circle', async () => {
  const tree = kernel({
    'extra/a.ko': ['softdep=post: late pre: b-c none', 'softdep=pre: d', 'depends=e'],
    'extra/b-c.ko': ['softdep=pre: a', 'depends=f'],
    'extra/d.ko': ['depends='],
    'extra/e.ko': ['depends='],
    'extra/f.ko': ['depends='],
    'extra/late.ko': ['depends='],
  })
  const { files } = await kernelModules(tree, ['a'])
  const lines = String(files.find(({ path }) => path === 'modules.dep')?.content).split('\n')
  expect(lines).toContain('extra/a.ko: extra/e.ko extra/d.ko extra/b-c.ko extra/f.ko')
  expect(lines).toContain('extra/b-c.ko: extra/f.ko')
  expect(files.map(it => it.path)).not.toContain('extra/late.ko')
})

test('modules, with what they need and which names they answer to', async () => {
  const tree = kernel({
    'kernel/drivers/virtio_pci.ko': ['depends=virtio,virtio-ring', 'alias=pci:v00001AF4d*'],
    'kernel/drivers/virtio.ko': ['depends=virtio_ring'],
    'kernel/drivers/virtio_ring.ko': ['depends='],
    'kernel/net/veth.ko': ['alias=rtnl-link-veth', 'depends='],
    'extra/a-b.ko': ['depends=c'],
    'extra/c.ko': ['license=GPL'],
    'extra/unwanted.ko': ['license=GPL'],
  })
  execFileSync('xz', [path.join(tree.moduleTree, 'extra/c.ko')])
  const { files, drivers } = await kernelModules(tree, ['a_b'])
  const texts = new Map(files.map(({ path, content }) => [path, content]))
  expect(drivers).toEqual([
    'kernel/drivers/virtio_ring.ko',
    'kernel/drivers/virtio.ko',
    'kernel/drivers/virtio_pci.ko',
  ])
  expect(`${texts.get('modules.dep')}`.split('\n').sort()).toEqual([
    '',
    'extra/a-b.ko: extra/c.ko',
    'extra/c.ko:',
    'kernel/drivers/virtio.ko: kernel/drivers/virtio_ring.ko',
    'kernel/drivers/virtio_pci.ko: kernel/drivers/virtio.ko kernel/drivers/virtio_ring.ko',
    'kernel/drivers/virtio_ring.ko:',
    'kernel/net/veth.ko:',
  ])
  expect(`${texts.get('modules.alias')}`).toBe(
    'alias pci:v00001AF4d* virtio_pci\nalias rtnl-link-veth veth\n',
  )
  expect(texts.get('extra/c.ko')?.toString('latin1', 0, 4)).toBe('\x7fELF')
})

test('what is built in needs nothing; what the kernel does not have is named', async () => {
  const tree = kernel({}, 'kernel/net/8021q/8021q.ko\nkernel/drivers/net/dummy-one.ko\n')
  const { files, drivers } = await kernelModules(tree, ['dummy_one'])
  expect(files.map(({ path }) => path)).toEqual(['modules.dep', 'modules.alias', 'modules.builtin'])
  expect(drivers).toEqual([])
  await expect(kernelModules(tree, ['dummy_one', 'nosuch'])).rejects.toThrow(
    'image.modules: test-1.0 (1.0) has no module nosuch, neither to load nor built in',
  )
  // without a module tree it is unknown what is built in
  await kernelModules({ ...tree, moduleTree: undefined }, ['nosuch'])
})

test('modules come packed in any of the ways of kernels', async () => {
  const tree = kernel({ 'dummy.ko': ['alias=d'], 'veth.ko': ['alias=v'], 'ifb.ko': ['alias=i'] })
  const plain = readFileSync(path.join(tree.moduleTree, 'dummy.ko'))
  const replace = (name: string, packed: string, content: Buffer) => {
    rmSync(path.join(tree.moduleTree, name))
    writeFileSync(path.join(tree.moduleTree, packed), content)
  }
  execFileSync('xz', [path.join(tree.moduleTree, 'dummy.ko')])
  replace('veth.ko', 'veth.ko.gz', gzipSync(plain))
  replace('ifb.ko', 'ifb.ko.zst', zstdCompressSync(plain))
  // without programs that unpack
  vi.stubEnv('PATH', pathWithOnly('sh', 'xz', 'base64', 'setpriv'))
  onTestFinished(() => void vi.unstubAllEnvs())
  const { files } = await kernelModules(tree, [])
  for (const name of ['dummy.ko', 'veth.ko', 'ifb.ko'])
    expect(files.find(({ path }) => path === name)?.content.equals(plain), name).toBe(true)
})

test.each(['xz', 'gz', 'zst'])('a module that is cut short is named as such: .%s', async kind => {
  const tree = kernel({ 'veth.ko': ['alias=v', `description=${'long '.repeat(1000)}`] })
  const file = path.join(tree.moduleTree, 'veth.ko')
  const plain = readFileSync(file)
  execFileSync('xz', [file])
  const whole = { xz: readFileSync(`${file}.xz`), gz: gzipSync(plain), zst: zstdCompressSync(plain) }[
    kind
  ] as Buffer
  rmSync(`${file}.xz`)
  writeFileSync(`${file}.${kind}`, whole.subarray(0, -10))
  await expect(kernelModules(tree, [])).rejects.toThrow(`veth.ko.${kind} is damaged: `)
})

test('a file that is no module', async () => {
  const tree = kernel({})
  writeFileSync(path.join(tree.moduleTree, 'veth.ko'), 'nothing')
  await expect(kernelModules(tree, [])).rejects.toThrow('veth.ko is no kernel module: no 64-bit ELF file')
})
