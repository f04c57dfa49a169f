// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { judge, readAcceptances } from './accept.ts'
import type { Finding } from './finding.ts'

const finding = (text: string, kernel?: string): Finding => ({
  ...{ kind: 'behaviour', kernel, where: 'get', was: undefined, is: undefined, text, matters: true },
})

function read(content: string) {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'accepted.yaml')
  writeFileSync(file, content)
  return readAcceptances(file)
}

test('YAML or JSON, of lines with wildcards', () => {
  const acceptances = read(`
- 'behaviour: get: ENOENT became *'
- { finding: 'behaviour: set (new)', kernel: debian-6.1, reason: wanted }
- 'behaviour: never: [a-z]'
`)
  const all = [
    finding('get: ENOENT became EINVAL'),
    finding('set (new)', 'debian-6.1'),
    finding('set (new)', 'debian-7.3'),
    finding('never: x'),
  ]
  expect(judge(all, acceptances)).toEqual({
    findings: all.slice(2),
    accepted: all.slice(0, 2),
    missing: [{ finding: 'behaviour: never: [a-z]' }],
  })
  // As the text has them.
  const printed = read("- '✗ behaviour: get: ENOENT became EINVAL'\n- '· behaviour: set (new)'\n")
  expect(judge(all, printed).findings).toEqual(all.slice(3))
  expect(read('["behaviour: x"]')).toEqual([{ finding: 'behaviour: x' }])
  expect(read('')).toEqual([])
})

test('what is none is told with its place', () => {
  expect(() => read('a: b')).toThrow(/: the file: a list of findings is wanted, each a text or/)
  expect(() => read('- { reason: why }')).toThrow(/: entry 1.*: a list of findings is wanted/)
  expect(() => read('- "x')).toThrow(/^--accept: cannot read .*accepted\.yaml: /)
  expect(() => read('- test: a: b')).toThrow(/accepted\.yaml: .* at line 1, column \d+$/)
  expect(() => readAcceptances('/nowhere.yaml')).toThrow(/^--accept: cannot read \/nowhere\.yaml: ENOENT/)
})
