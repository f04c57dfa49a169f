// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { ExitStatus } from '../base/errors.ts'
import type { Failure } from './failures.ts'
import { markdown } from './markdown.ts'
import type { KernelSummary } from './summary.ts'

const none = { passed: 0, failed: 0, skipped: 0, notRun: 0 }
const kernel = {
  ...{ ...none, release: '6.1.0', origin: '', bootTime: 100, error: undefined, incomplete: undefined },
  ...{ obstacles: [], knownReports: [], guests: { forked: 0, restored: 1, booted: 0 } },
}
const kernels: KernelSummary[] = [
  {
    ...{ ...kernel, label: 'debian-6.1', passed: 17, failed: 1, notRun: 3, status: ExitStatus.failed },
    suites: [
      { ...none, suite: 'a|b_c.test.ts', passed: 17, ok: true, duration: 400 },
      {
        ...{ ...none, suite: 'bad.test.ts', failed: 1, notRun: 3, ok: false, duration: 2100 },
        note: '3 tests not run: kernel panic: <b>',
      },
    ],
  },
  {
    ...{ ...kernel, label: 'pack:a.tar', status: ExitStatus.failed, suites: [] },
    error: 'm does not build',
    obstacles: [{ message: 'm does not build', details: 'm.c:1: error: `x`', status: ExitStatus.failed }],
  },
]
const failure: Failure = {
  ...{ kernel: 'debian-6.1', file: '/p/bad.test.ts', name: 'bad.test.ts', location: undefined, rank: 2 },
  test: 'a </summary> & | `b`\nc',
  error: { name: 'AssertionError', message: '```\n</details> <script>\u001b[31m', diff: '- ````' },
}

test('the answer, the table, and what failed, folded; names are shown, and never obeyed', () => {
  expect(markdown(kernels, [failure], { total: 2500, passed: false })).toBe(
    [
      '**✗ failed: tests 1 failed, 3 not run, 17 passed in 1 failed file on 2 kernels; pack:a.tar not complete**',
      '',
      '| suite | debian-6.1 | pack:a.tar |',
      '| --- | --- | --- |',
      '| a\\|b\\_c.test.ts | ✓ 17 (0.4 s) | not run |',
      '| bad.test.ts | ✗ 0, 1 failed, 3 not run (2.1 s) | not run |',
      '| all | ✗ 17, 1 failed, 3 not run (2.5 s) | ✗ did not run |',
      '',
      '- debian-6.1 (6.1.0): 2 files (1 failed), tests 17 passed, 1 failed, 3 not run; boot 0.1 s, total 2.5 s',
      '- pack:a.tar: did not run: m does not build',
      '- debian-6.1 bad.test.ts: 3 tests not run: kernel panic: &lt;b&gt;',
      '',
      '<details><summary>pack:a.tar: m does not build</summary>',
      '',
      '```text',
      'm.c:1: error: `x`',
      '```',
      '',
      '</details>',
      '',
      '<details><summary>debian-6.1: bad.test.ts &gt; a &lt;/summary&gt; &amp; | `b` c: AssertionError</summary>',
      '',
      '`````text',
      'AssertionError: ```',
      '</details> <script>',
      '',
      '- ````',
      '`````',
      '',
      '</details>',
      '',
    ].join('\n'),
  )
})

test('what passed has one answer, and nothing folded', () => {
  const [passed] = kernels as [KernelSummary]
  const text = markdown([{ ...passed, ...none, passed: 17, suites: [] }], [], { total: 1, passed: true })
  expect(text).toMatch(/^\*\*✓ passed: tests 17 passed on debian-6\.1\*\*\n/)
  expect(text).not.toContain('<details>')
})

test('many and long failures fit into a comment; the others are counted', () => {
  const long = { ...failure, error: { name: 'Error', message: 'a long line of text\n'.repeat(5000) } }
  const text = markdown(
    kernels,
    Array.from({ length: 400 }, () => long),
    { total: 1, passed: false },
  )
  expect(text.length).toBeLessThan(60_000)
  expect(text.length).toBeGreaterThan(50_000)
  const shown = text.match(/<\/details>\n/g)?.length ?? 0
  expect(text).toMatch(new RegExp(`\\n\\.\\.\\. and ${401 - shown} more failures:\\n`))
  const [, unnamed] = /\n\.\.\. and (\d+) whose names do not fit\n$/.exec(text) ?? []
  const named = text.match(/^- .*Error$/gm)?.length ?? 0
  expect(named).toBeGreaterThan(50)
  expect(shown + named + Number(unnamed)).toBe(401)
  expect(text).toContain('... and 4880 more lines')
})
