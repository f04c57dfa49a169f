// SPDX-License-Identifier: MIT
import path from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { seconds } from './progress.ts'

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

test('no time is shown as none', () => {
  expect([0, 12, 49, 50, 1234].map(seconds)).toEqual(['0 ms', '12 ms', '49 ms', '0.1 s', '1.2 s'])
})
