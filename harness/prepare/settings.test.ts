import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ExitStatus, UsageError } from '../base/errors.ts'
import { ownFolder } from '../base/own-folder.ts'
import { checkSettings, loadSettings, projectRoot, settingsFile } from './settings.ts'

test('every setting has a default', () => {
  const settings = checkSettings({})
  expect(settings.vm).toEqual({
    memory: 512,
    cpus: 1,
    accelerator: 'auto',
    isolate: 'file',
    bootLimit: 60,
    parameters: [],
    bootSplats: 'fail',
  })
  expect(settings.suites).toEqual(['suites/**/*.test.ts'])
})

test.each([
  [{ vm: { memory: 64 } }, 'vm.memory', 'at least 416'],
  [{ vm: { accelerator: 'xen' } }, 'vm.accelerator', 'xen'],
  [{ vm: { parameters: ['quiet', 'a="b" c"'] } }, 'vm.parameters.1', '"a=\\"b\\" c\\"" cannot be passed'],
  [{ kernel: 'debian-6.1' }, 'kernel', ''],
  ['debian-6.1', settingsFile, 'Object'],
  [[], settingsFile, 'not a list'],
  [{ testTimeout: 3e9 }, 'testTimeout', 'at most 2147483647: no timer goes further'],
  [{ fileTimeout: 2 ** 31 }, 'fileTimeout', 'at most 2147483647'],
  [{ runTimeout: 1e300 }, 'runTimeout', ''],
  [{ fileTimeout: Number.POSITIVE_INFINITY }, 'fileTimeout', ''],
  [{ vm: { bootLimit: 2_147_484 } }, 'vm.bootLimit', 'at most 2147483'],
  [{ vm: { cpus: 256 } }, 'vm.cpus', 'at most 255'],
])('%j is refused by name', (settings, name, why) => {
  const error = (() => {
    try {
      return checkSettings(settings)
    } catch (error) {
      return error
    }
  })()
  expect(error).toBeInstanceOf(UsageError)
  expect((error as UsageError).message).toContain(name)
  expect((error as UsageError).message).toContain(why)
  expect((error as UsageError).status).toBe(ExitStatus.usage)
})

test('kernel parameters with spaces are quoted as the kernel wants it', () => {
  const { vm } = checkSettings({ vm: { parameters: ['quiet', 'dyndbg=file x +p'] } })
  expect(vm.parameters).toEqual(['quiet', 'dyndbg="file x +p"'])
})

test("a project's file is read; one that cannot be is named", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'settings-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  expect((await loadSettings(folder)).testTimeout).toBe(30_000)
  writeFileSync(path.join(folder, settingsFile), 'export default { testTimeout: 1234 }')
  expect((await loadSettings(folder)).testTimeout).toBe(1234)
  const broken = mkdtempSync(path.join(tmpdir(), 'settings-'))
  onTestFinished(() => rmSync(broken, { recursive: true }))
  writeFileSync(path.join(broken, settingsFile), 'export default {')
  await expect(loadSettings(broken)).rejects.toThrow(/netlink-vmtest.config.ts cannot be loaded/)
})

test.each([
  ['a promise of settings', 'export default Promise.resolve({ testTimeout: 1234 })', undefined],
  [
    'a promise that fails',
    "export default Promise.reject(new Error('not today'))",
    /cannot be loaded: not today/,
  ],
  ['a promise of nothing', 'export default new Promise(() => {})', /does not come to an end: it took longer/],
  [
    'an await of nothing',
    'await new Promise(() => {})',
    /does not come to an end: it took longer than 0.05 s/,
  ],
])('%s', async (_what, source, refused) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'settings-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(path.join(folder, settingsFile), source)
  const loading = loadSettings(folder, refused?.source.includes('longer') ? 50 : undefined)
  if (refused) await expect(loading).rejects.toThrow(refused)
  else expect((await loading).testTimeout).toBe(1234)
})

test("labels with paths are meant from the project's folder, wherever the command is run", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'settings-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(
    path.join(folder, settingsFile),
    "export default { kernels: ['tree:../linux', 'debian-6.1'], matrix: ['pack:k.pack', 'pack:/k.pack'] }",
  )
  const { kernels = [], matrix } = await loadSettings(folder)
  expect(path.resolve(kernels[0]?.replace('tree:', '') ?? '')).toBe(path.join(folder, '../linux'))
  expect(kernels[1]).toBe('debian-6.1')
  expect(path.resolve(matrix[0]?.replace('pack:', '') ?? '')).toBe(path.join(folder, 'k.pack'))
  expect(matrix[1]).toBe('pack:/k.pack')
})

test('the project of a folder is the nearest one upwards, and ours where there is none', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'settings-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  expect(projectRoot(folder)).toBe(ownFolder)
  writeFileSync(path.join(folder, settingsFile), '')
  expect(projectRoot(path.join(folder, 'deep/er'))).toBe(folder)
})
