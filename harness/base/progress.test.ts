// SPDX-License-Identifier: MIT
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { execa } from 'execa'
import { expect, onTestFinished, test, vi } from 'vitest'
import { consoleProgress, seconds } from './progress.ts'

test('at a terminal of no width a step ends', async () => {
  const module = path.join(import.meta.dirname, 'progress.ts')
  const code = `const { consoleProgress } = await import(${JSON.stringify(module)})
    console.log('columns', process.stderr.columns)
    await consoleProgress().step('work', () => new Promise(resolve => setTimeout(resolve, 300)))`
  // What it hangs in does not end by a signal that node handles.
  const command = `exec timeout --foreground -s KILL 20 ${process.execPath} --input-type=module -e "$CODE"`
  const { stdout } = await execa('script', ['-qefc', command, '/dev/null'], {
    env: { CODE: code, NO_COLOR: '1' },
    stdin: 'ignore',
    reject: false,
  })
  expect(stdout).toContain('columns 0')
  expect(stdout).toContain('✔ work (0.')
})

test('a log hears each minute what a step waits for', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const log = new PassThrough({ encoding: 'utf8' })
  const { promise, resolve } = Promise.withResolvers<void>()
  const step = consoleProgress(log as unknown as NodeJS.WriteStream).step('fetch Linux', update => {
    update('its headers')
    return promise
  })
  await vi.advanceTimersByTimeAsync(130_000)
  resolve()
  await step
  await vi.advanceTimersByTimeAsync(130_000)
  expect(String(log.read()).split('\n')).toEqual([
    '  fetch Linux: its headers: still running after 60.0 s',
    '  fetch Linux: its headers: still running after 120.0 s',
    expect.stringMatching(/fetch Linux \(130\.0 s\)$/),
    '',
  ])
})

test('no time is shown as none', () => {
  expect([0, 12, 49, 50, 1234].map(seconds)).toEqual(['0 ms', '12 ms', '49 ms', '0.1 s', '1.2 s'])
})
