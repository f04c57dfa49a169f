// SPDX-License-Identifier: MIT
import { setImmediate } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'

vi.mock('node:os', async original => ({
  ...(await original<typeof import('node:os')>()),
  availableParallelism: () => 2,
}))

/** Work that records when it begins, and ends or fails on command. */
function pieces() {
  const begun: string[] = []
  const ends = new Map<string, PromiseWithResolvers<void>>()
  return {
    begun,
    piece: (name: string) => () => {
      begun.push(name)
      const end = Promise.withResolvers<void>()
      ends.set(name, end)
      return end.promise
    },
    async end(name: string, error?: Error) {
      if (error) ends.get(name)?.reject(error)
      else ends.get(name)?.resolve()
      await setImmediate()
    },
  }
}

test('two boots on two cores; a build waits for both, and what asks after it waits for it', async () => {
  const { withAllCores, withCore } = await import('./cores.ts')
  const { begun, piece, end } = pieces()
  const all = [
    withCore(piece('boot 1')),
    withCore(piece('boot 2')),
    withAllCores(piece('build 1')),
    withCore(piece('boot 3')),
    withAllCores(piece('build 2')),
  ]
  await setImmediate()
  expect(begun).toEqual(['boot 1', 'boot 2'])
  await end('boot 2')
  expect(begun).toEqual(['boot 1', 'boot 2'])
  await end('boot 1')
  expect(begun).toEqual(['boot 1', 'boot 2', 'build 1'])
  await end('build 1')
  expect(begun).toEqual(['boot 1', 'boot 2', 'build 1', 'boot 3'])
  await end('boot 3')
  expect(begun).toEqual(['boot 1', 'boot 2', 'build 1', 'boot 3', 'build 2'])
  await end('build 2')
  await Promise.all(all)
})

test('what fails has its error, and leaves the cores to others', async () => {
  const { withAllCores, withCore } = await import('./cores.ts')
  const { begun, piece, end } = pieces()
  const failing = withAllCores(piece('build'))
  const other = withCore(piece('boot'))
  await setImmediate()
  const failed = expect(failing).rejects.toThrow('no space left')
  await end('build', new Error('no space left'))
  await failed
  expect(begun).toEqual(['build', 'boot'])
  await end('boot')
  await other
})
