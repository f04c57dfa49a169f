// SPDX-License-Identifier: MIT
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Lanes, type Turn } from './lanes.ts'

/** Files by kernel, and the order in which they ran. */
function files(lanes: Lanes<{ name: string }>) {
  const kernels = new Map<string, { name: string }>()
  const turns = new Map<string, Turn>()
  /** Such as A1: the first file of kernel A. */
  const enter = (file: string, signal = new AbortController().signal) => {
    const name = file.slice(0, 1)
    const kernel = kernels.get(name) ?? { name }
    kernels.set(name, kernel)
    return lanes.enter(kernel, signal).then(turn => void turns.set(file, turn))
  }
  const atWork = async () => {
    await setImmediate()
    return [...turns.keys()]
  }
  const end = (file: string) => {
    turns.get(file)?.end()
    turns.delete(file)
  }
  return { enter, atWork, end, turns }
}

test('each lane takes a kernel and stays with it; where no other has files, it helps', async () => {
  const { enter, atWork, end } = files(new Lanes(2))
  for (const file of ['A1', 'A2', 'A3', 'B1', 'B2', 'C1', 'C2', 'C3']) void enter(file)
  expect(await atWork()).toEqual(['A1', 'B1'])
  const seen: string[][] = []
  for (const file of ['A1', 'A2', 'B1', 'B2', 'C1', 'A3']) {
    end(file)
    seen.push(await atWork())
  }
  expect(seen).toEqual([
    ['B1', 'A2'],
    ['B1', 'A3'],
    ['A3', 'B2'],
    ['A3', 'C1'],
    ['A3', 'C2'],
    ['C2', 'C3'],
  ])
})

test('lanes have numbers; one that is given back twice is free once', async () => {
  const { enter, atWork, end, turns } = files(new Lanes(2))
  for (const file of ['A1', 'A2', 'A3', 'A4']) void enter(file)
  expect(await atWork()).toEqual(['A1', 'A2'])
  expect([...turns.values()].map(({ lane }) => lane)).toEqual([1, 2])
  const first = turns.get('A1')
  end('A1')
  expect(await atWork()).toEqual(['A2', 'A3'])
  expect(turns.get('A3')?.lane).toBe(1)
  first?.end()
  expect(await atWork()).toEqual(['A2', 'A3'])
})

test('who is cancelled leaves the line, and takes no lane from others', async () => {
  const { enter, atWork, end } = files(new Lanes(1))
  const cancelled = new AbortController()
  void enter('A1')
  const second = enter('A2', cancelled.signal)
  void enter('A3')
  expect(await atWork()).toEqual(['A1'])
  cancelled.abort(new Error('cancelled'))
  await expect(second).rejects.toThrow('cancelled')
  await expect(enter('A4', cancelled.signal)).rejects.toThrow('cancelled')
  end('A1')
  expect(await atWork()).toEqual(['A3'])
  end('A3')
  void enter('A5')
  expect(await atWork()).toEqual(['A5'])
})

test('without a limit everybody gets a lane', async () => {
  const { enter, atWork, turns } = files(new Lanes(Number.POSITIVE_INFINITY))
  for (const file of ['A1', 'A2', 'B1']) void enter(file)
  expect(await atWork()).toEqual(['A1', 'B1', 'A2'])
  expect([...turns.values()].map(({ lane }) => lane)).toEqual([1, 2, 3])
})

test('a claimed file is the next one of its lane, whatever other lanes do', async () => {
  const { enter, atWork, end, turns } = files(new Lanes(2))
  for (const file of ['A1', 'A2', 'A3', 'B1']) void enter(file)
  expect(await atWork()).toEqual(['A1', 'B1'])
  const first = turns.get('A1')
  expect(first?.claimNext()).toBe(true)
  expect(first?.claimNext()).toBe(true)
  // Lane 2 helps, with the file that is not claimed.
  end('B1')
  expect(await atWork()).toEqual(['A1', 'A3'])
  expect(turns.get('A3')?.claimNext()).toBe(false)
  end('A1')
  expect(await atWork()).toEqual(['A3', 'A2'])
  expect(turns.get('A2')?.lane).toBe(1)
  expect(first?.claimNext()).toBe(false)
})

test('a claimed file that is cancelled leaves its lane to the next one', async () => {
  const { enter, atWork, end, turns } = files(new Lanes(1))
  const cancelled = new AbortController()
  void enter('A1')
  const second = enter('A2', cancelled.signal)
  void enter('A3')
  expect(await atWork()).toEqual(['A1'])
  expect(turns.get('A1')?.claimNext()).toBe(true)
  cancelled.abort(new Error('enough'))
  await expect(second).rejects.toThrow('enough')
  end('A1')
  expect(await atWork()).toEqual(['A3'])
})
