// SPDX-License-Identifier: MIT
import { PassThrough } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { endOfOutput } from '../../guest/agent/protocol.ts'
import { GuestOutput } from './guest-output.ts'

test('what is written arrives whole, without the marks, and each end behind what was written before it', async () => {
  const part = fc.constantFrom('a', '\n', endOfOutput.slice(0, 5), endOfOutput.slice(0, -1))
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(part)),
      fc.infiniteStream(fc.integer({ min: 1, max: 50 })),
      async (programs, sizes) => {
        const said = programs.map(parts => parts.join(''))
        const port = new PassThrough()
        let heard = ''
        const output = new GuestOutput(port, data => {
          heard += data
        })
        const ends = said.map((_, index) =>
          output.ended().then(() => expect(heard.startsWith(said.slice(0, index + 1).join(''))).toBe(true)),
        )
        const all = Buffer.from(said.map(text => text + endOfOutput).join(''))
        for (let at = 0; at < all.length; ) {
          const size = sizes.next().value as number
          port.write(all.subarray(at, at + size))
          at += size
        }
        await Promise.all(ends)
        expect(heard).toBe(said.join(''))
      },
    ),
    { numRuns: 50 },
  )
})

test('the beginning of a mark that is none is passed on with what comes next', async () => {
  const port = new PassThrough()
  const heard: string[] = []
  new GuestOutput(port, data => heard.push(String(data)))
  port.write(endOfOutput.slice(0, 4))
  await setImmediate()
  expect(heard).toEqual([])
  port.write('!')
  await setImmediate()
  expect(heard).toEqual([`${endOfOutput.slice(0, 4)}!`])
})
