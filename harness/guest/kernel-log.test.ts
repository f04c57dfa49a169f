// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { KernelLog, parseRecord } from './kernel-log.ts'

const log = (...pieces: string[]) => {
  const log = new KernelLog()
  for (const piece of pieces) log.push(Buffer.from(piece))
  return log
}

test('a record is its level, facility, sequence number, time and text', () => {
  expect(log('30,339,5140900,-;NET: Registered protocol family 10\n').records).toEqual([
    { level: 6, facility: 3, sequence: 339, time: 5140900, text: 'NET: Registered protocol family 10' },
  ])
})

test('who printed it, where the kernel says so; ends of lines within a message', () => {
  expect(parseRecord('4,1,2,-,caller=T12;BUG: one\\x0a     two')).toEqual({
    level: 4,
    facility: 0,
    sequence: 1,
    time: 2,
    text: 'BUG: one\n     two',
    caller: 'T12',
  })
})

test('records come together again from any pieces; continuation lines are not records', () => {
  const { records } = log('6,1,10,-;fir', 'st; part two\n SUBSYSTEM=pci\n4,2,2', '0,-;second\n')
  expect(records.map(record => record.text)).toEqual(['first; part two', 'second'])
})

test('a gap in the sequence numbers is counted as lost records, and told', () => {
  expect(log('6,1,1,-;a\n6,2,2,-;b\n').lost).toBe(0)
  const gaps: [number, number][] = []
  const lossy = new KernelLog().on('gap', (...gap) => gaps.push(gap))
  lossy.push(Buffer.from('6,1,1,-;a\n6,5,2,-;b\n'))
  expect(lossy.lost).toBe(3)
  expect(gaps).toEqual([[2, 4]])
})

test('where the log is known to begin, what is missing from its beginning is lost too', () => {
  const lossy = new KernelLog()
  lossy.beginAt(10)
  lossy.push(Buffer.from('6,12,1,-;a\n'))
  expect(lossy.lost).toBe(2)
})

test('a wait ends with the record that it is for, and at its limit', async () => {
  const late = log('6,1,1,-;a\n')
  expect(await late.arrivedUpTo(2, 0)).toBe(true)
  expect(await late.arrivedUpTo(3, 1)).toBe(false)
  const arrived = late.arrivedUpTo(4, 60_000)
  const marked = late.arrival('mark', 60_000)
  late.push(Buffer.from('6,2,1,-;b\n15,3,1,-;mark\n'))
  expect(await arrived).toBe(true)
  expect(await marked).toBe(3)
})

test('the log since a moment is shown as dmesg shows it', () => {
  const all = log('6,1,1000000,-;boot\n')
  const start = all.next
  expect(start).toBe(2)
  all.push(Buffer.from('6,2,1500000,-;test\n6,3,2500000,-;more\n'))
  expect(all.since(start, 10)).toBe('[    1.500000] test\n[    2.500000] more')
  expect(all.since(start, 1)).toBe('[    2.500000] more')
})

test('the log between two moments has the level and the facility of each line, as dmesg -r shows them', () => {
  const all = log(
    '6,1,1000000,-;boot\n4,2,1500000,-;one\\x0atwo\n14,3,2500000,-;by a program\n6,4,2600000,-;later\n',
  )
  expect(all.raw(2, 4)).toBe('<4>[    1.500000] one\n<4>[    1.500000] two\n<14>[    2.500000] by a program')
  // Some have been overwritten, or driven out.
  all.push(Buffer.from('6,9,2700000,-;after a gap\n'))
  expect(all.raw(2, 9)).toBeUndefined()
  expect(all.raw(9, 10)).toBe('<6>[    2.700000] after a gap')
})
