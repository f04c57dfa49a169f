// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runToolOrFail } from '../harness/base/process.ts'
import { nodeBinary } from './dependencies.ts'
import { launcher, precompiled, startFlag } from './precompiled.ts'

const source = `"use strict";
const unused = value => value * 7
console.log(process.argv[2], typeof require('node:fs').readFileSync)`

test('a script is run by its launcher, by code that the node takes and that has all functions', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'netlink-vmtest-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const node = async (...args: string[]) =>
    (await runToolOrFail(nodeBinary(), args, { timeout: 30_000 })).stdout
  const [script] = await precompiled([{ name: 'script', source }], nodeBinary())
  const file = path.join(folder, 'script.js')
  writeFileSync(file, script?.source ?? '')
  writeFileSync(`${file}.code`, script?.code ?? '')
  writeFileSync(path.join(folder, 'script'), launcher(file))
  expect(await node(startFlag, path.join(folder, 'script'), 'argument')).toBe('argument function')

  const look = `const source = fs.readFileSync(${JSON.stringify(file)}, 'latin1'), cachedData = fs.readFileSync(${JSON.stringify(`${file}.code`)})
    console.log(new vm.Script(source, { cachedData }).cachedDataRejected, new vm.Script(source).createCachedData().length < cachedData.length)`
  expect(await node(startFlag, '-e', look)).toBe('false true')
})

test('what was compiled is kept: V8 makes other bytes of the same script', async () => {
  const [first, again] = [
    await precompiled([{ name: 'script', source }], nodeBinary()),
    await precompiled([{ name: 'script', source }], nodeBinary()),
  ]
  expect(again).toEqual(first)
})
