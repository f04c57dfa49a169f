// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { agreed, commonRecords, newFiles, visibleFiles, visibleRecords } from './appearance.ts'
import type { Appearance } from './registration.ts'

const record = (text: string, level = 6) => ({ level, text })

test('records of two loads: numbers that differ are no part of them, and one-time records neither', () => {
  const first = [
    record('once: at boot'),
    record('box: table at 00000000deadbeef of 4'),
    record('box: ready'),
    record('box: ready'),
    record('box: level', 4),
  ]
  const second = [
    record('box: table at 00000000cafecafe of 4'),
    record('box: ready'),
    record('box: level', 3),
    record('box: took 0x12 then 12'),
  ]
  expect(commonRecords(first, second)).toEqual([record('box: table at … of 4'), record('box: ready')])
  expect(commonRecords([record('took 0x1f, 7')], [record('took 0x20, 7')])).toEqual([record('took …, 7')])
  expect(commonRecords([record('4 of 8')], [record('5 of 9')])).toEqual([record('… of …')])
})

test('what the kernel says of any module is left out', () => {
  const said = [
    record('box: loading out-of-tree module taints kernel.', 4),
    record('box: module verification failed: signature and/or required key missing - tainting kernel', 5),
    record('box: ready'),
  ]
  expect(visibleRecords(said)).toEqual([record('box: ready')])
})

test('files and parameters that two loads have in common, without values that differ', () => {
  const nothing: Appearance = {
    families: [],
    buses: [],
    parameters: [],
    files: [],
    protocols: [],
    loading: [],
    unloading: [],
  }
  const first = {
    ...nothing,
    files: [
      { name: '/dev/once', mode: '600' },
      { name: '/dev/box', mode: '600' },
    ],
    parameters: [
      { name: 'depth', mode: '644', value: '4' },
      { name: 'seed', mode: '444', value: '1' },
    ],
  }
  const second = {
    ...nothing,
    files: [{ name: '/dev/box', mode: '600' }],
    parameters: [
      { name: 'depth', mode: '644', value: '4' },
      { name: 'seed', mode: '444', value: '2' },
    ],
  }
  expect(agreed(first, second)).toEqual({
    ...nothing,
    files: [{ name: '/dev/box', mode: '600' }],
    parameters: [
      { name: 'depth', mode: '644', value: '4' },
      { name: 'seed', mode: '444' },
    ],
  })
})

test('new files, with modes; a link has none', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'appearance-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const at = (name: string) => path.join(folder, name)
  writeFileSync(at('old'), '')
  writeFileSync(at('new'), 'text', { mode: 0o640 })
  mkdirSync(at('folder'), { mode: 0o750 })
  symlinkSync('new', at('link'))
  const now = new Set(['old', 'new', 'folder', 'link', 'gone'].map(at))
  expect(newFiles(new Set([at('old')]), now)).toEqual([
    { name: at('folder'), mode: '750' },
    { name: at('gone'), mode: '' },
    { name: at('link'), mode: '' },
    { name: at('new'), mode: '640' },
  ])
})

test('a kernel has files of the kinds that modules make, and none of processes', () => {
  const files = [...visibleFiles()]
  for (const name of [
    '/dev/null',
    '/proc/version',
    '/proc/net/netlink',
    '/proc/sys/kernel/ostype',
    '/sys/class/net/lo',
  ])
    expect(files).toContain(name)
  expect(files.filter(name => /^\/proc\/(\d+|self)/.test(name))).toEqual([])
})
