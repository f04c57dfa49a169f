// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { comparisonPageData } from './comparison-page.ts'
import { type Finding, lineOf } from './finding.ts'
import {
  answerOf,
  type ComparisonReport,
  failedReport,
  jsonReport,
  markdownReport,
  seenOf,
  textReport,
} from './report.ts'

const behaviour: Finding = {
  ...{ kind: 'behaviour', kernel: 'debian-6.1', where: 'get', was: 'ENOENT', is: 'EINVAL', matters: true },
  ...{ text: 'get: ENOENT became EINVAL', count: 3, request: 'get: 20 bytes\n  1: <7>' },
  ...{ show: 'in a.test.ts > x\nBASE: ENOENT\nHEAD: EINVAL `x`', again: 'run-vm.sh compare main a.test.ts' },
}
const size: Finding = {
  kind: 'size',
  kernel: undefined,
  where: 'text',
  was: '4 KiB',
  is: '5 KiB',
  matters: false,
}
const words: Finding = { ...size, kind: 'module', where: 'box: description', was: 'a', is: 'b' }
const report = (more: Partial<ComparisonReport> = {}): ComparisonReport => ({
  ...{
    base: 'main (0123456789ab)',
    head: 'the work tree',
    findings: [behaviour, size],
    accepted: [],
    missing: [],
  },
  ...{ kernels: [{ label: 'debian-6.1', release: '6.1.0' }], runs: { files: 9, both: 2, again: 4 } },
  ...{ varying: [], lost: [], notes: [], total: 1234 },
  ...more,
})

test('the answer in words', () => {
  expect(answerOf(report())).toBe(
    '1 change that matters, 1 change that does not, from main (0123456789ab) to the work tree',
  )
  expect(answerOf(report({ findings: [words, words] }))).toMatch(
    /^no change that matters, 2 changes that do not, from /,
  )
  // Any refactoring has these.
  const imports: Finding = { ...size, kind: 'symbol', where: 'box: imported symbols' }
  expect(answerOf(report({ findings: [imports, size] }))).toMatch(/^no change, from /)
  expect(answerOf(report({ findings: [] }))).toBe('no change, from main (0123456789ab) to the work tree')
  const lost = ['BASE, main, did not get through a.test.ts on debian-6.1: QEMU was killed by SIGKILL']
  expect(answerOf(report({ findings: [], lost }))).toMatch(/^no change in what both have run, from main /)
  expect(textReport(report({ findings: [], lost }))).toContain(`${lost[0]}\n9 files on `)
  expect(markdownReport(report({ findings: [], lost }))).toMatch(/^❌ /)
})

test('what may follow from another change that matters is told, and not counted', () => {
  const follows: Finding = { ...behaviour, where: 'set', text: 'set: ENOENT became EPERM', follows: true }
  const both = report({ findings: [behaviour, follows, words] })
  expect(answerOf(both)).toMatch(/^1 change that matters, 1 change that does not, from /)
  expect(textReport(both)).toMatch(
    /^· behaviour: set: ENOENT became EPERM \(where the sides ask differently, /m,
  )
  expect(markdownReport(both)).toContain('<summary>behaviour: set: ENOENT became EPERM (')
  const broken: Finding = { ...behaviour, kind: 'test', where: 'a.test.ts > x', text: 'x', follows: true }
  expect(textReport(report({ findings: [behaviour, broken] }))).toMatch(
    /^· test: x \(where something else has changed, only on debian-6\.1, 3 times\)$/m,
  )
  // Where that was accepted it is all that there is.
  const alone = report({ findings: [follows], accepted: [behaviour] })
  expect(answerOf(alone)).toMatch(/^1 change that matters, from /)
  expect(textReport(alone)).toMatch(/^✗ behaviour: set: /m)
})

test('text for a terminal', () => {
  expect(
    textReport(
      report({
        varying: ['a.test.ts > x', 'b.test.ts > y'],
        missing: [{ finding: 'test: y' }],
        notes: ['a note'],
        accepted: [size],
      }),
    ),
  ).toBe(
    `✗ behaviour: get: ENOENT became EINVAL (only on debian-6.1, 3 times)
    request:
      get: 20 bytes
        1: <7>
    in a.test.ts > x
    BASE: ENOENT
    HEAD: EINVAL \`x\`
    again: run-vm.sh compare main a.test.ts
· size: text: 4 KiB became 5 KiB
accepted, and did not come: test: y
1 accepted: size: text: 4 KiB became 5 KiB
what 2 tests say varies by itself: not told (a.test.ts > x; b.test.ts > y)
a note
9 files on debian-6.1 (6.1.0); 2 on both sides, 4 run again
1 change that matters, 1 change that does not, from main (0123456789ab) to the work tree (1.2 s)`,
  )
  expect(textReport(report({ findings: [{ ...behaviour, follows: true }] }))).toMatch(
    /^✗ behaviour: get: ENOENT became EINVAL \(where the sides ask differently, only on debian-6\.1, 3 times\)$/m,
  )
  const twice = textReport(report({ findings: [behaviour, { ...behaviour, where: 'set' }] }))
  expect(twice.match(/again[:,]/g)).toHaveLength(1)
  const hostile = textReport(report({ findings: [{ ...size, where: '\u001b[31mred\u0007' }] }))
  expect(['\u001b', '\u0007'].filter(each => hostile.includes(each))).toEqual([])
})

test('a command that shows several findings says how many; of a lost guest the end of the conversation is shown', () => {
  const three = [
    behaviour,
    { ...behaviour, where: 'set', text: 'set: a became b' },
    { ...behaviour, text: 'x' },
  ]
  expect(textReport(report({ findings: [...three, { ...size, again: 'run-vm.sh compare main' }] }))).toMatch(
    /^ {4}again, each of these 3: run-vm\.sh compare main a\.test\.ts\n· size: [^\n]*\n {4}again: run-vm\.sh compare main$/m,
  )
  const chart = ['  ms  kernel', ...Array.from({ length: 90 }, (_, at) => `  ${at}  request ${at}`)].join(
    '\n',
  )
  const show = `the worker was killed\n\nthe conversation:\n\n${chart}\n\nkernel log:\n[1] Oops`
  const text = textReport(report({ findings: [{ ...behaviour, kind: 'loss', show }] }))
  expect(text).toContain('      ms  kernel\n    ... 80 lines before\n      80  request 80\n')
  expect(text).toContain('request 89\n    \n    kernel log:\n')
  expect(markdownReport(report({ findings: [{ ...behaviour, kind: 'loss', show }] }))).toContain(
    'request 89\n',
  )
})

test('Markdown with the answer in the first line, and details folded', () => {
  const [first, empty, ...lines] = markdownReport(report()).split('\n')
  expect(first).toBe(
    '❌ **1 change that matters, 1 change that does not, from main (0123456789ab) to the work tree**',
  )
  expect(empty).toBe('')
  expect(lines[0]).toBe(
    '<details><summary>behaviour: get: ENOENT became EINVAL (only on debian-6.1, 3 times)</summary>',
  )
  expect(lines).toContain('  1: <7>')
  expect(lines).toContain('- ` size: text: 4 KiB became 5 KiB `')
  const odd = markdownReport(
    report({ findings: [{ ...behaviour, text: '<b>`*', show: '```\nx' }], head: '@all <i>' }),
  )
  expect(odd).toContain('<summary>behaviour: &lt;b&gt;`* (')
  expect(odd).toContain('\n````\n')
  expect(odd).toContain('to \\@all &lt;i&gt;**')
  expect(markdownReport(report({ findings: [] }))).toMatch(/^✅ \*\*no change, /)
})

test('JSON with a version', () => {
  const json = JSON.parse(jsonReport(report(), 1)) as object
  expect(json).toMatchObject({
    format: 'netlink-vmtest comparison',
    version: 1,
    status: 1,
    findings: [behaviour, { kind: 'size', is: '5 KiB' }],
  })
})

test('where nothing could be compared, all reports say so', () => {
  const details = 'm.c: In function f:\nm.c:7:2: error: no g\n'
  const sides = { base: 'main (0123456789ab)', head: 'the work tree', total: 1 }
  const failed = failedReport({ message: 'HEAD, the work tree: m does not build for 6.1', details }, sides)
  expect(JSON.parse(jsonReport(failed, 3))).toMatchObject({
    status: 3,
    answer: 'nothing is compared, from main (0123456789ab) to the work tree',
    lost: ['HEAD, the work tree: m does not build for 6.1'],
    notes: ['m.c: In function f:', 'm.c:7:2: error: no g'],
    findings: [],
  })
  expect(comparisonPageData(failed, 0)).toMatchObject({ ok: false, title: 'nothing is compared' })
  expect(markdownReport(failed)).toBe(`❌ **nothing is compared, from main (0123456789ab) to the work tree**

- HEAD, the work tree: m does not build for 6.1

\`\`\`
m.c: In function f:
m.c:7:2: error: no g
\`\`\`
`)
})

test('how long a request takes stands in brackets, so that the line is the same each time', () => {
  const slower = (kernel: string | undefined): Finding => ({
    ...{ kind: 'time', where: 'get: ENOENT', was: '0.3 ms', is: '20.0 ms', kernel, matters: true },
    text: 'get: ENOENT: a request takes longer',
  })
  expect(seenOf(slower(undefined))).toBe('0.3 ms, now 20.0 ms')
  expect(seenOf({ ...slower('debian-6.1'), count: 2 })).toBe(
    '0.3 ms, now 20.0 ms, only on debian-6.1, 2 times',
  )
  expect(lineOf(slower(undefined))).toBe('time: get: ENOENT: a request takes longer')
})

test('where all is accepted, the answer says so', () => {
  const all = report({ findings: [], accepted: [behaviour] })
  expect(answerOf(all)).toBe('nothing but what is accepted, from main (0123456789ab) to the work tree')
  expect(answerOf(report({ findings: [words], accepted: [behaviour] }))).toMatch(
    /^no change that matters, 1 /,
  )
  expect(answerOf(report({ findings: [size], accepted: [behaviour] }))).toMatch(
    /^nothing but what is accepted, /,
  )
})

test('in Markdown what a compiler says keeps its lines and indentation', () => {
  const details = "nctab.c:3:5: error: expected ';'\n   3 |   int x\n     |        ^"
  const failed = failedReport(
    { message: 'HEAD does not compile', details },
    { base: 'a', head: 'b', total: 1 },
  )
  expect(markdownReport(failed)).toBe(
    `❌ **nothing is compared, from a to b**\n\n- HEAD does not compile\n\n\`\`\`\n${details}\n\`\`\`\n`,
  )
  const alone = failedReport({ message: 'no kernel', details: undefined }, { base: 'a', head: 'b', total: 1 })
  expect(markdownReport(alone)).toBe('❌ **nothing is compared, from a to b**\n\n- no kernel\n')
})
