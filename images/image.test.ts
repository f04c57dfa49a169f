// SPDX-License-Identifier: MIT
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { silentProgress } from '../harness/base/progress.ts'
import { findTool } from '../harness/base/tools.ts'
import { findBusybox, guestImage, type ImageKernel } from './image.ts'

test('every part of an image is part of its name, and the same parts are one image', async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'image-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  vi.stubEnv('XDG_CACHE_HOME', root)
  onTestFinished(() => void vi.unstubAllEnvs())
  const kernel: ImageKernel = {
    id: 'kernel',
    label: 'test',
    release: '6.1.0-test',
    moduleTree: undefined,
    build: { output: root },
  }
  const image = (changes: Partial<ImageKernel> = {}, modules: string[] = []) =>
    guestImage({ ...kernel, ...changes }, modules, silentProgress)

  const plain = await image()
  const images = [plain, await image({ id: 'other' }), await image({}, ['bridge'])]
  expect(await image()).toBe(plain)

  // Replaces this machine's tools; the busybox has one more byte.
  const bin = path.join(root, 'bin')
  mkdirSync(bin)
  copyFileSync(findTool('busybox') ?? '', path.join(bin, 'busybox'))
  writeFileSync(path.join(bin, 'busybox'), '\0', { flag: 'a' })
  chmodSync(path.join(bin, 'busybox'), 0o755)
  vi.stubEnv('PATH', `${bin}:${process.env.PATH}`)
  images.push(await image())
  expect(new Set(images).size).toBe(4)
})

test('a busybox that the guest has no loader for is refused', async () => {
  const bin = mkdtempSync(path.join(tmpdir(), 'image-'))
  onTestFinished(() => rmSync(bin, { recursive: true }))
  copyFileSync('/bin/true', path.join(bin, 'busybox'))
  vi.stubEnv('PATH', bin)
  onTestFinished(() => void vi.unstubAllEnvs())
  await expect(findBusybox()).rejects.toThrow(
    `${bin}/busybox is not statically linked: apt-get install busybox-static`,
  )
})
