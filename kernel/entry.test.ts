// SPDX-License-Identifier: MIT
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { MachineryError } from '../harness/base/errors.ts'
import { silentProgress } from '../harness/base/progress.ts'
import { cachedKernel, writeDescription } from './entry.ts'

let folder: string
let notes: string[]
let builds: number
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'entry-'))
  vi.stubEnv('XDG_CACHE_HOME', folder)
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  notes = []
  builds = 0
})

const progress = { ...silentProgress, note: (text: string) => void notes.push(text) }

/** Makes an entry; `spoil` is called with its folder when it is described. */
const build =
  (spoil: (entry: string) => void = () => {}) =>
  async (entry: string) => {
    builds++
    mkdirSync(path.join(entry, 'output'))
    for (const file of ['bzImage', 'config', 'output/Module.symvers'])
      writeFileSync(path.join(entry, file), file)
    await writeDescription(entry, {
      release: '6.1.0',
      origin: 'a test',
      image: 'bzImage',
      config: 'config',
      source: '.',
      output: 'output',
      variables: [],
    })
    spoil(entry)
  }
const kernel = (make: (entry: string) => Promise<void>) => cachedKernel('mine', 'key', progress, make)

test('an entry is made once, and again when its image is no longer what it was', async () => {
  const { image } = await kernel(build())
  expect((await kernel(build())).image).toBe(image)
  expect(builds).toBe(1)
  appendFileSync(image, 'rot')
  expect(await kernel(build())).toMatchObject({ label: 'mine', release: '6.1.0', image })
  expect([builds, notes]).toEqual([2, ['the cached kernel of mine is damaged: making it anew']])
})

test('one that is damaged as soon as it is made is not tried for ever', async () => {
  const rotten = build(entry => appendFileSync(path.join(entry, 'bzImage'), 'rot'))
  const error = await kernel(rotten).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(MachineryError)
  expect((error as MachineryError).message).toBe(
    `the kernel of mine does not verify just after it was unpacked below ${folder}/netlink-vmtest: the disk may be failing`,
  )
  expect(builds).toBe(2)
})
