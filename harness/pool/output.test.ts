// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { BoundedOutput, type ConsoleLog, TestOutput } from './output.ts'

const MiB = 1024 * 1024

function collected() {
  const logs: ConsoleLog[] = []
  let raw = ''
  const output = new TestOutput({
    console: log => logs.push(log),
    raw: (stream, data) => {
      raw += `${stream}: ${data}`
    },
  })
  const print = (content: string, stream: 'stdout' | 'stderr' = 'stdout', task = 't', time = 1) =>
    output.console({ type: 'console', stream, content, task, time })
  return { logs, raw: () => raw, output, print }
}

test('what is printed without a pause is one block of each stream, the first one first', () => {
  const { logs, output, print } = collected()
  print('a\n', 'stderr', 't', 1)
  print('b\n', 'stdout', 't', 2)
  print('c\n', 'stderr', 't', 3)
  expect(logs).toEqual([])
  output.console({ type: 'console-pause' })
  print('d\n')
  output.next()
  expect(logs).toEqual([
    { type: 'stderr', content: 'a\nc\n', taskId: 't', time: 1, size: 2 },
    { type: 'stdout', content: 'b\n', taskId: 't', time: 2, size: 1 },
    { type: 'stdout', content: 'd\n', taskId: 't', time: 1, size: 1 },
  ])
  expect(output.kept).toBe('a\nb\nc\nd\n')
})

test('a line without its end is ended before anything else is told', () => {
  const { raw, output, print } = collected()
  output.raw('stdout', Buffer.from('raw'))
  print('of the console\n')
  output.console({ type: 'console-pause' })
  output.raw('stderr', Buffer.from('whole\n'))
  output.end()
  output.raw('stderr', Buffer.from('open'))
  output.next()
  output.end()
  output.end()
  expect(raw()).toBe('stdout: rawstdout: \nstderr: whole\nstderr: openstderr: \n')
  expect(output.kept).toBe('rawof the console\nwhole\nopen')
})

test('calls with an origin are blocks of their own', () => {
  const { logs, output } = collected()
  for (const origin of ['here', 'there'])
    output.console({ type: 'console', stream: 'stdout', content: 'x', task: 't', time: 1, origin })
  output.next()
  expect(logs.map(({ origin, size }) => [origin, size])).toEqual([
    ['here', 1],
    ['there', 1],
  ])
})

test('of a flood the beginning is shown, how much is missing, and the end; others and the next test are not cut', () => {
  const { logs, raw, output, print } = collected()
  for (let line = 0; line < 100; line++) print(`${String(line).padStart(2)}${'x'.repeat(MiB / 10 - 3)}\n`)
  print('the last\n')
  print('of another\n', 'stdout', 'other')
  for (let piece = 0; piece < 30; piece++) output.raw('stderr', Buffer.alloc(MiB / 10, 'r'))
  output.next()
  const [shown, other, end] = logs
  expect(shown?.content.length).toBe(MiB)
  expect(other).toMatchObject({ content: 'of another\n', taskId: 'other' })
  expect(end?.content).toMatch(/^\n\.\.\. 9\.\d MB of output are not shown \.\.\.\n[\s\S]*the last\n$/)
  expect(end?.content.length).toBeLessThan(MiB)
  expect(raw()).toMatch(/r\n?stderr: \n\.\.\. 2\.\d MB of output are not shown \.\.\.\nr+$/)

  print('next\n')
  output.next()
  expect(logs.at(-1)?.content).toBe('next\n')
  expect(output.kept.length).toBeLessThan(5 * MiB)
  expect(output.kept).toContain('next\n')
})

test('what just does not fit is shown in the end, whole', () => {
  const bound = new BoundedOutput(10)
  expect(bound.take(Buffer.from('0123456')).toString()).toBe('0123456')
  expect(bound.take(Buffer.from('789abc')).toString()).toBe('789')
  expect(bound.take(Buffer.from('def')).toString()).toBe('')
  expect(bound.rest().toString()).toBe('abcdef')
})
