// SPDX-License-Identifier: MIT
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { type Baseline, packRecordings, readBaseline, unpackRecordings, writeBaseline } from './baseline.ts'
import type { NormalConversation, RecordedFile, RecordedTest } from './recorded.ts'

const baseline: Baseline = {
  ...{ harness: '0.1.0', made: 'main (0123456789ab)', suites: { '': 'all', 'a.test.ts': 'hash' } },
  kernels: [
    {
      ...{ label: 'debian-6.1', release: '6.1.0', id: 'id', modules: { nlex: 'hash' } },
      files: [
        {
          varying: ['x'],
          alternating: ['y'],
          recorded: {
            ...{ file: 'a.test.ts', modules: ['nlex'] },
            tests: [
              {
                ...{ name: 'x', state: 'failed', failures: [{ kind: 'leak', text: 'a', message: 'b' }] },
                said: [
                  {
                    missed: 0,
                    exchanges: [
                      {
                        ...{ socket: 'socket 1', key: 'k', operation: 'get', request: 'r', datagrams: 1 },
                        answers: [{ what: 'ENOENT', parts: [['flags', '0']] }],
                        told: [{ whom: 'socket 2', messages: [] }],
                      },
                    ],
                  },
                ],
              },
            ],
          },
        },
      ],
    },
  ],
}

function place(content?: Uint8Array): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'main.baseline')
  if (content !== undefined) writeFileSync(file, content)
  return file
}

test('what is written is read', () => {
  const file = place()
  writeBaseline(file, baseline)
  expect(readBaseline(file)).toMatchObject(baseline)
  expect(() => writeBaseline('/nowhere/x', baseline)).toThrow(
    /^cannot write the baseline \/nowhere\/x: ENOENT/,
  )
})

test('one of an older version does not know which changes come and go', () => {
  const older = baseline.kernels.map(kernel => ({
    ...kernel,
    files: kernel.files.map(({ alternating: _, ...each }) => each),
  }))
  const file = place()
  writeBaseline(file, { ...baseline, kernels: older } as unknown as Baseline)
  expect(readBaseline(file).kernels[0]?.files[0]?.alternating).toEqual([])
})

test('recordings for the cache, with all that they may have', () => {
  const recordings = baseline.kernels.flatMap(({ files }) => files.map(({ recorded }) => recorded))
  const kept = [{ kernel: 'debian-6.1', file: 'a.test.ts', recordings }]
  expect(unpackRecordings(packRecordings(kept))).toEqual(kept)
  const said: Required<NormalConversation> = {
    exchanges: [],
    missed: 0,
    awaited: 'socket 1',
    turns: ['socket 1'],
  }
  const whole: Required<RecordedTest> = {
    ...{ name: 'x', state: 'passed', failures: [], said: [said], log: ['a'], logLevels: [6] },
  }
  const file: Required<RecordedFile> = {
    ...{ file: 'a.test.ts', modules: [], times: { get: 1 }, tests: [whole] },
  }
  const all = [{ kernel: 'debian-6.1', file: 'a.test.ts', recordings: [file] }]
  expect(unpackRecordings(packRecordings(all))).toEqual(all)
  expect(() => unpackRecordings(gzipSync('[{}]'))).toThrow()
})

test('what is none, is cut short, damaged, or of a later version', () => {
  const written = place()
  writeBaseline(written, baseline)
  const bytes = readFileSync(written)
  const content = JSON.parse(gunzipSync(bytes).toString()) as object
  const packed = (value: unknown) => place(gzipSync(JSON.stringify(value)))
  const refused = (file: string, text: string | RegExp) => expect(() => readBaseline(file)).toThrow(text)
  refused(place(bytes.subarray(0, bytes.length - 40)), 'is cut short: make it anew by --save-baseline')
  const broken = Buffer.from(bytes)
  broken.fill(0xff, 20, 40)
  refused(place(broken), /is (damaged|cut short): make it anew by --save-baseline/)
  refused(place(Buffer.from('hello')), 'is no baseline: make one by --save-baseline')
  refused(place(Buffer.alloc(0)), 'is no baseline: make one')
  refused(packed({ format: 'another' }), 'is no baseline')
  refused(packed({ ...content, version: 2 }), 'has the format 2, and this version of netlink-vmtest reads 1')
  refused(
    packed({ ...content, kernels: [{ label: 'debian-6.1' }] }),
    /is damaged at kernels\.0\.\w+: make it anew/,
  )
  refused('/nowhere', /^--baseline: cannot read \/nowhere: ENOENT/)
})
