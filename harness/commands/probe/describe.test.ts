// SPDX-License-Identifier: MIT
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Description } from '../../../guest/testing/describes.ts'
import type { FamilyFacts } from '../../../guest/ynl/facts.ts'
import { parseSpecification } from '../../../guest/ynl/reader.ts'
import { ownFolder } from '../../base/own-folder.ts'
import { type DescribeFlags, type DescribeOptions, describeOptions, report } from './describe.ts'
import type { ProbeOptions } from './probe.ts'

const family: FamilyFacts = {
  ...{ name: 'nlex', version: 1, headerSize: 0, groups: ['example'] },
  operations: [
    { number: 0, privilege: 'none', do: { policy: 0 } },
    { number: 1, privilege: 'admin', do: { policy: 0 } },
  ],
  policies: [{ number: 0, attributes: [{ value: 1, type: 'U32', minimum: '0', maximum: '4294967295' }] }],
}
const other = { ...family, name: 'other', groups: [] }
const nlex = parseSpecification(readFileSync(path.join(ownFolder, 'suites/ynl/nlex.yaml'), 'utf8'))

/** What is on stdout and noted. */
function reported(told: readonly Description[], options: Partial<DescribeOptions> = {}, spec = false) {
  const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  const notes: string[] = []
  try {
    const specifications = new Map(spec ? [[nlex.name, nlex]] : [])
    const status = report(told, specifications, options, text => notes.push(text))
    return { status, notes, stdout: written.mock.calls.map(([text]) => String(text)).join('') }
  } finally {
    written.mockRestore()
  }
}

test('a family in all forms, beside its specification', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const files = { markdown: `${folder}/f.md`, json: `${folder}/f.json`, yaml: `${folder}/f.yaml` }
  const { status, stdout } = reported([{ family, module: 'genlexample' }], files, true)
  expect(stdout).toBe(`nlex: a family of generic netlink, version 1
  operations
    0 upd  anybody        do (policy 0)
    1 get  CAP_NET_ADMIN  do (policy 0)
  policy 0
    1 myvar  u32
  groups: example
  the specification differs
    operation 1 (get): its privilege is none, in the kernel admin
`)
  expect(status).toBe(0)
  const markdown = readFileSync(files.markdown, 'utf8')
  expect(markdown).toContain('| 0 upd | anybody | do (policy 0) |')
  expect(markdown).toMatch(/### Differences from the specification\n\n- operation 1 \(get\): .*\n$/)
  const [json] = JSON.parse(readFileSync(files.json, 'utf8')) as FamilyFacts[]
  expect(json).toMatchObject({ name: 'nlex', module: 'genlexample', differences: [expect.any(String)] })
  expect(parseSpecification(readFileSync(files.yaml, 'utf8'))).toMatchObject({ name: 'nlex' })
})

test('several families, of which a draft is of one', () => {
  expect(reported([{ family }, { family: other }]).stdout).toMatch(
    /^nlex: .*^ {2}groups: example\n\nother: /ms,
  )
  expect(() => reported([{ family }, { family: other }], { yaml: '/dev/null' })).toThrow(
    '--yaml is of one family: choose by --family one of nlex, other',
  )
})

test('what is not there', () => {
  const missing = { missing: 'nlcrtl', known: ['nlctrl', 'nlex'] }
  expect(() => reported([{ family }, missing])).toThrow(
    '--family: there is no family nlcrtl: did you mean nlctrl?',
  )
  expect(() => reported([{ ...missing, missing: 'wireguard' }])).toThrow('choose one of nlctrl, nlex')
  expect(() => reported([])).toThrow(
    'there is nothing to describe: no module registers a family of generic netlink',
  )
})

test('modules that do not load are told of, and fail', () => {
  const refused = { refused: 'busy', message: 'busy: finit_module: EBUSY\nand more' }
  const { status, notes } = reported([refused, { family }])
  expect({ status, notes }).toEqual({
    status: 1,
    notes: ['busy cannot be described: busy: finit_module: EBUSY'],
  })
  expect(() => reported([refused])).toThrow('there is nothing to describe: busy cannot be loaded')
})

test('options that only tests have are refused by name', () => {
  const given = { module: [], family: ['nlex'], spec: [], isolate: true, describe: true }
  const settings = { kernels: ['debian-6.1', 'debian-6.12'], matrix: [] }
  const read = (more: Partial<ProbeOptions & DescribeFlags>, rest: string[] = []) =>
    describeOptions({ ...given, ...more }, rest, settings)
  expect(read({ json: 'f.json', yaml: 'f.yaml' })).toEqual({
    ...{ kernel: 'debian-6.1', module: [], family: ['nlex'], spec: [], json: 'f.json', yaml: 'f.yaml' },
  })
  expect(read({ kernel: 'debian-5.10' }).kernel).toBe('debian-5.10')
  expect(read({ break: [] })).toEqual(read({}))
  expect(() => read({ break: ['f'] })).toThrow('--describe tests nothing: leave out --break')
  expect(() => read({ matrix: true })).toThrow('--describe tests nothing: leave out --matrix')
  expect(() => read({ isolate: false })).toThrow('--describe tests nothing: leave out --no-isolate')
  expect(() => read({}, ['-t', 'x'])).toThrow('--describe tests nothing: leave out -t')
  expect(() => read({ kernel: 'debian-6.1,debian-7.3' })).toThrow(
    '--describe asks one kernel: choose debian-6.1 or debian-7.3',
  )
})
