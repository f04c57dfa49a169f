// SPDX-License-Identifier: MIT
/** Specifications in guests: clients that talk by them, drafts of them, and whether the kernel agrees. */
import { readFileSync } from 'node:fs'
import { loadModule, unloadModule } from 'netlink-vmtest/testing'
import {
  askFacts,
  differences,
  draftSpecification,
  formatSpecification,
  parseSpecification,
  Ynl,
} from 'netlink-vmtest/ynl'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const file = 'nlex.yaml'
const nlex = parseSpecification(readFileSync(new URL(file, import.meta.url), 'utf8'), { file })

beforeAll(() => loadModule('genlexample'))
afterAll(() => unloadModule('genlexample'))

describe('a client of genlexample', () => {
  test('asks, is answered and refused by name', async () => {
    using client = await Ynl.open(nlex)
    expect(await client.do('upd', { myvar: 7 })).toBeUndefined()
    expect(await client.do('get')).toEqual({ myvar: 7 })
    await expect(client.do('upd', { myvar: -1 })).rejects.toThrow('myvar')
    await expect(client.do('upd')).rejects.toMatchObject({ code: 'EINVAL' })
    expect(await client.do('get')).toEqual({ myvar: 7 })
  })

  test('hears notifications', async () => {
    using client = await Ynl.open(nlex)
    await using subscription = client.subscribe('example')
    await client.do('upd', { myvar: 8 })
    expect((await subscription.next()).value).toMatchObject({
      kind: 'notification',
      operation: 'upd',
      values: { myvar: 8 },
    })
  })
})

describe('what the kernel tells', () => {
  test('agrees with the specification', async () => {
    const facts = await askFacts('nlex')
    expect(differences(facts, nlex)).toEqual([])
    const wrong = { ...nlex, groups: [{ name: 'other', flags: [] }] }
    expect(differences(facts, wrong)).toEqual([
      'group example: only the kernel has it',
      'group other: the kernel does not have it',
    ])
  })

  test.each(['nlctrl', 'nlex'])('becomes a draft of %s, which is read as it was written', async name => {
    const draft = draftSpecification(await askFacts(name))
    expect(draft.operations.length).toBeGreaterThan(1)
    expect(parseSpecification(formatSpecification(draft), { file: name })).toEqual(draft)
  })

  test('a draft talks', async () => {
    using client = await Ynl.open(draftSpecification(await askFacts('nlex')))
    await client.do('op-0', { 'attr-1': 9 })
    expect(await client.do('op-1')).toEqual({ 'attr-1': 9 })
  })
})
