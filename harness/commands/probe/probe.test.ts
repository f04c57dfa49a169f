// SPDX-License-Identifier: MIT
/** Which families are probed, and the test files that are written for them. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { nothingRegistered, type Registration } from '../../../guest/testing/registration.ts'
import { runCli } from '../../fixtures/cli.ts'
import type { Findings } from '../../session/registrations.ts'
import { filesOfAll, ProbeFolder, probeFiles } from './probe-files.ts'
import { notProbed, probedFamilies } from './probed-families.ts'
import { randomOptions } from './random-options.ts'
import { readSpecifications, withSpecifications } from './specifications.ts'

const family = { name: 'store', version: 1, headerSize: 0, groups: [], unknown: { number: 255 } }

const store: Registration = {
  ...nothingRegistered('store_mod'),
  families: [{ ...family, operations: [1, 2] }],
}
const quiet: Registration = nothingRegistered('quiet')
const refused: Registration = {
  ...nothingRegistered('refused'),
  refused: { code: 'ENODEV', message: 'refused: finit_module: ENODEV\n  no such device' },
}
const findings = (...registrations: Registration[]): Findings => ({
  registrations,
  modules: ['store_mod', 'quiet', 'refused'],
  faults: [],
  details: '',
})
const all = { module: [], family: [] }
const place = '.netlink-vmtest/probe'

test('the families of all modules under test', () => {
  expect(probedFamilies(findings(store, quiet), all)).toEqual([
    { name: 'store', modules: ['store_mod'], commands: [1, 2] },
  ])
})

test('named ones: of a module, and of the kernel', () => {
  const wanted = { module: [], family: ['store', 'ethtool'] }
  expect(probedFamilies(findings(store, refused), wanted)).toEqual([
    { name: 'store', modules: ['store_mod'], commands: [1, 2] },
    { name: 'ethtool', modules: [] },
  ])
})

test.each([
  [
    findings(quiet),
    all,
    2,
    'there is nothing to probe: quiet registers no family of generic netlink; --family NAME probes one of the kernel',
  ],
  [
    findings(),
    { module: ['stor_mod'], family: [] },
    2,
    '--module: there is no module stor_mod under test: did you mean store_mod?',
  ],
  [findings(store, refused), all, 1, 'refused cannot be probed: refused: finit_module: ENODEV'],
  [{ ...findings(quiet), faults: ['quiet: the guest was lost'] }, all, 1, 'quiet: the guest was lost'],
])('what cannot be probed is named: %#', (found, wanted, status, message) => {
  expect(() => probedFamilies(found, wanted)).toThrow(expect.objectContaining({ status, message }))
})

test('a module that is lost when it is loaded is told as not probed; when it is unloaded, it is', () => {
  const lost = { ...nothingRegistered('lost'), unknown: 'its init or exit function did not return' }
  const unloading = { ...store, unknown: 'it was loaded, and did not come back from its exit function' }
  const found = { ...findings(lost, unloading), faults: ['the kernel reports oops: x'] }
  expect(probedFamilies(found, all)).toHaveLength(1)
  expect(notProbed(found, all)).toEqual([
    'the kernel reports oops: x',
    'lost is not probed: its init or exit function did not return',
  ])
  expect(notProbed(found, { module: [], family: ['store'] })).toEqual(['the kernel reports oops: x'])
  expect(notProbed(findings(store, quiet), all)).toEqual([])
})

test('each command has a file, and so has what belongs to none', () => {
  const files = probeFiles({ name: '../a b.', modules: ['m'], commands: [0, 7] }, place)
  expect(files.map(file => path.relative(place, file.path))).toEqual([
    '%2E%2E%2Fa%20b%2E/command-0.test.ts',
    '%2E%2E%2Fa%20b%2E/command-7.test.ts',
    '%2E%2E%2Fa%20b%2E/family.test.ts',
    '%2E%2E%2Fa%20b%2E/lifetime.test.ts',
  ])
  expect(files[1]?.content).toContain(`describeFamily("../a b.", {"module":["m"],"parts":[7]})`)
  expect(probeFiles({ name: 'ethtool', modules: [] }, place)).toHaveLength(1)
})

test('two modules that have a family of the same name have files each', () => {
  const both = findings(store, { ...store, module: 'store_two' })
  const families = probedFamilies(both, { module: [], family: ['store'] })
  const files = filesOfAll(families, place, {})
  expect(new Set(files.map(file => file.path)).size).toBe(8)
  expect(files.map(file => path.relative(place, file.path))).toEqual(
    ['store.store_mod', 'store.store_two'].flatMap(folder =>
      ['command-1', 'command-2', 'family', 'lifetime'].map(title => `${folder}/${title}.test.ts`),
    ),
  )
  expect(files.at(-1)?.content).toContain('"module":["store_two"]')
})

test('a specification is of a family that is probed, and goes with its test files', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'probe-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const text = (name: string, protocol = 'genetlink') =>
    `name: ${name}\nprotocol: ${protocol}\ndoc: x\nattribute-sets: []\noperations: { list: [] }\n`
  const write = (file: string, content: string) => {
    writeFileSync(path.join(folder, file), content)
    return path.join(folder, file)
  }
  const [one, same, raw] = [
    write('one.yaml', text('store')),
    write('same.yaml', text('store')),
    write('raw.yaml', text('rt', 'netlink-raw').replace('doc:', 'protonum: 0\ndoc:')),
  ]
  const read = (...files: string[]) => readSpecifications(files, () => {})
  const family = { name: 'store', modules: ['m'], commands: [1] }
  const [given] = withSpecifications([family], read(one, one))
  expect(given?.specification).toBe(text('store'))
  const [file] = given ? probeFiles(given, place) : []
  expect(file?.content).toContain(`parseSpecification(${JSON.stringify(text('store'))})`)
  expect(file?.content).toContain('describeFamily("store", { ...{"module":["m"],"parts":[1]}, spec })')
  expect(() => read(one, same)).toThrow(`--spec: ${one} and ${same} are both of the family store`)
  expect(() => read(raw)).toThrow(
    `--spec: ${raw} is no family of generic netlink: its protocol is netlink-raw`,
  )
  expect(() => withSpecifications([{ name: 'other', modules: [] }], read(one))).toThrow(
    `--spec: ${one} is of the family store, and what is probed is other`,
  )
})

test('runs at once have folders of their own, each until its run ends', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'probe-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  const inRoot = (name: string) => path.join(root, name)
  // As a run leaves it that was killed.
  mkdirSync(inRoot(place), { recursive: true })
  writeFileSync(inRoot(`${place}/old.test.ts`), '')
  const write = (folder: ProbeFolder, module: string) => {
    const files = probeFiles({ name: 'store', modules: [module] }, folder.path)
    folder.write(root, files)
    return { place: inRoot(files[0]?.path ?? ''), content: files[0]?.content }
  }
  using first = ProbeFolder.claim(root)
  expect(first.path).toBe(place)
  expect(existsSync(inRoot(`${place}/old.test.ts`))).toBe(false)
  const one = write(first, 'one')
  {
    using second = ProbeFolder.claim(root)
    expect(second.path).toBe(`${place}-2`)
    const other = write(second, 'other')
    expect(readFileSync(one.place, 'utf8')).toBe(one.content)
    expect(readFileSync(other.place, 'utf8')).toBe(other.content)
    // It has one name in all projects.
    const elsewhere = mkdtempSync(path.join(tmpdir(), 'probe-'))
    onTestFinished(() => rmSync(elsewhere, { recursive: true }))
    using third = ProbeFolder.claim(elsewhere, root)
    expect(third.path).toBe(`${place}-3`)
    expect(existsSync(path.join(elsewhere, place))).toBe(false)
  }
  expect(existsSync(inRoot(`${place}-2`))).toBe(false)
  expect(existsSync(one.place)).toBe(true)
  first[Symbol.dispose]()
  expect(existsSync(inRoot(place))).toBe(false)
})

test.each([
  ['--spec=none.yaml', 'cannot read the specification none.yaml: ENOENT: no such file or directory.*'],
  ['--seed=x', '--seed x: it is an integer of 32 bits, as probe has printed it'],
  ['--seed=4294967296', '--seed 4294967296: it is an integer of 32 bits, as probe has printed it'],
  ['--time=0', '--time 0: it is a number of seconds, and at most 604800'],
  ['--time=soon', '--time soon: it is a number of seconds, and at most 604800'],
])('%s is refused', async (option, message) => {
  const { status, stderr } = await runCli(['probe', option])
  expect([status, stderr]).toEqual([2, expect.stringMatching(new RegExp(`^error: ${message}$`, 'm'))])
})

test('seed and time', () => {
  expect(randomOptions({})).toBeUndefined()
  expect(randomOptions({ seed: '-7' })).toEqual({ seed: -7, time: 10_000 })
  expect(randomOptions({ time: '0.5', seed: '3' })).toEqual({ seed: 3, time: 500 })
  expect(randomOptions({ time: '1' })?.seed).toBeGreaterThanOrEqual(0)
})

test('--faults has a file of its own', () => {
  const files = probeFiles({ name: 'store', modules: ['m'], commands: [1] }, place, { faults: true })
  expect(files.map(file => path.basename(file.path))).toEqual([
    'command-1.test.ts',
    'family.test.ts',
    'lifetime.test.ts',
    'allocations.test.ts',
  ])
  expect(files.at(-1)?.content).toContain('describeFamily("store", {"module":["m"],"faults":true})')
})
