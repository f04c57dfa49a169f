import { expect, test } from 'vitest'
import { KernelLog } from './kernel-log.ts'

const log = (...pieces: string[]) => {
  const log = new KernelLog()
  for (const piece of pieces) log.push(Buffer.from(piece))
  return log
}

test('a record is its level, sequence number, time and text', () => {
  expect(log('30,339,5140900,-;NET: Registered protocol family 10\n').records).toEqual([
    { level: 6, sequence: 339, time: 5140900, text: 'NET: Registered protocol family 10' },
  ])
})

test('records come together again from any pieces; continuation lines are not records', () => {
  const { records } = log('6,1,10,-;fir', 'st; part two\n SUBSYSTEM=pci\n4,2,2', '0,-;second\n')
  expect(records.map(record => record.text)).toEqual(['first; part two', 'second'])
})

test('a gap in the sequence numbers is counted as lost records', () => {
  expect(log('6,1,1,-;a\n6,2,2,-;b\n').lost).toBe(0)
  expect(log('6,1,1,-;a\n6,5,2,-;b\n').lost).toBe(3)
})

test('the log since a moment is shown as dmesg shows it', () => {
  const all = log('6,1,1000000,-;boot\n')
  const start = all.next
  expect(start).toBe(2)
  all.push(Buffer.from('6,2,1500000,-;test\n6,3,2500000,-;more\n'))
  expect(all.since(start, 10)).toBe('[    1.500000] test\n[    2.500000] more')
  expect(all.since(start, 1)).toBe('[    2.500000] more')
})
