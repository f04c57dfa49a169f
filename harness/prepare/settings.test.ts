// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { ExitStatus, UsageError } from '../base/errors.ts'
import { ownFolder } from '../base/own-folder.ts'
import { loadSettings, projectRoot } from './load-settings.ts'
import { checkSettings, defineConfig, settingsFile } from './settings.ts'

test('the kinds of reports are typed', () => {
  for (const kind of ['KASAN', 'general protection', 'lost log', 'warn'] as const)
    expect(checkSettings(defineConfig({ knownReports: [{ kind, reason: 'x' }] }))).toBeDefined()
  // @ts-expect-error: it is WARN
  const wrong = defineConfig({ knownReports: [{ kind: 'WRAN', reason: 'x' }] })
  expect(() => checkSettings(wrong)).toThrow('did you mean WARN?')
})

test('a promise and a function of settings are typed, too', async () => {
  const later = defineConfig(async () => ({ vm: { accelerator: 'tcg' } }))
  expect(checkSettings(await later()).vm.accelerator).toBe('tcg')
  expect(checkSettings(await defineConfig(() => ({ testTimeout: 5 }))()).testTimeout).toBe(5)
  expect(checkSettings(await defineConfig(Promise.resolve({ testTimeout: 5 }))).testTimeout).toBe(5)
  // @ts-expect-error: it is tcg
  expect(defineConfig(() => ({ vm: { accelerator: 'tgc' } }))).toBeTypeOf('function')
})

test('every setting has a default', () => {
  const settings = checkSettings({})
  expect(settings.vm).toEqual({
    memory: 512,
    cpus: 1,
    accelerator: 'auto',
    isolate: 'file',
    fork: 'auto',
    bootLimit: 60,
    dump: false,
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
  ['debian-6.1', settingsFile, 'its default export must be an object, not a string'],
  [
    undefined,
    settingsFile,
    'its default export must be an object, not nothing: export default defineConfig(',
  ],
  [{ modules: [{ dir: 'a', order: 1 }] }, 'modules.0.order', 'not needed: folders are built in the order'],
  [{ modules: { dir: 'a', needs: ['b'] } }, 'modules.needs', 'not needed: modpost finds'],
  [{ modules: { dir: 'a', parameters: 'b=1' } }, 'modules.parameters', 'Object'],
  [[], settingsFile, 'not a list'],
  [{ testTimeout: 3e9 }, 'testTimeout', 'at most 2147483647: no timer goes further'],
  [{ fileTimeout: 2 ** 31 }, 'fileTimeout', 'at most 2147483647'],
  [{ runTimeout: 1e300 }, 'runTimeout', ''],
  [{ fileTimeout: Number.POSITIVE_INFINITY }, 'fileTimeout', ''],
  [{ vm: { bootLimit: 2_147_484 } }, 'vm.bootLimit', 'at most 2147483'],
  [{ vm: { memroy: 512 } }, 'vm.memroy', 'there is no such setting: did you mean memory?'],
  [{ pool: 'forks' }, 'pool', 'there is no such setting: choose one of kernels, matrix, suites'],
  [{ modules: [{ dri: 'src' }] }, 'modules.0.dri', 'there is no such setting: did you mean dir?'],
  [{ image: { modules: [{ nam: 'x' }] } }, 'image.modules.0.nam', 'did you mean name?'],
  [{ modules: { dir: 'src', makes: {} } }, 'modules.makes', 'did you mean make?'],
  [{ modules: ['a', { dir: 'src', make: { 'a-b': '1' } }] }, 'modules.1.make.a-b', 'the name of a variable'],
  [{ modules: { dir: 5 } }, 'modules.dir', 'Expected string but received 5'],
  [{ vm: { cpus: 256 } }, 'vm.cpus', 'at most 255'],
  [{ knownReports: [{ kind: 'KASANN', reason: 'x' }] }, 'knownReports.0.kind', 'did you mean KASAN?'],
  [
    { knownReports: [{ kind: 'zzzzzz', reason: 'x' }] },
    'knownReports.0.kind',
    'of the kind zzzzzz: choose one of KASAN',
  ],
  [
    { knownReports: [{ kind: 'WARN', reason: 'a' }, { reason: 'x' }] },
    'knownReports.1',
    'needs a kind, a text, or both',
  ],
  [{ knownReports: [{ text: /a/ }] }, 'knownReports.0.reason', ''],
  [{ knownReports: [{ text: '', reason: 'x' }] }, 'knownReports.0.text', 'must not be empty'],
  [{ knownReports: [{ text: 'x', reason: '' }] }, 'knownReports.0.reason', 'must say why'],
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

test.each([
  [
    "import { defineConfig } from 'netlink-vmtest/config'\n\nexport default defineConfig({\n  vm: { memroy: 512 },\n})",
    '4:9: vm.memroy: ',
  ],
  [
    "export default {\n  modules: ['a', { dir: 'b', make: { 'a-b': '1' } }],\n}",
    '2:38: modules.1.make.a-b: ',
  ],
  ["export default {\n  kernels: ['debian-6.1', 5],\n}", '2:27: kernels.1: '],
  ['export default async () => ({ pool: 1 })', '1:31: pool: '],
  [
    'const own: { [name: string]: number } = { pool: 1 }\nexport default function () {\n  return own\n}',
    '1:43: pool: ',
  ],
  // What is missing is told at what lacks it.
  ["export default {\n  knownReports: [{ kind: 'WARN' }],\n} as const", '2:18: knownReports.0.reason: '],
  // Computed: the innermost that is there, or no place.
  ['const vm = Object.assign({ memory: 1 })\nexport default {\n  vm: vm,\n}', '3:3: vm.memory: '],
  ["export default Object.fromEntries([['pool', 1]])", ' pool: '],
])('a wrong setting is told with its place: %j', async (source, said) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'settings-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(path.join(folder, settingsFile), source)
  await expect(loadSettings(folder)).rejects.toThrow(`${settingsFile}:${said}`)
})

test('a file without a default export is told how to have one', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'settings-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(path.join(folder, settingsFile), 'export const settings = {}\n')
  await expect(loadSettings(folder)).rejects.toThrow('its default export must be an object, not nothing')
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

/** A script that loads a folder's configuration. */
function loading(folder: string, limit: number): string {
  const module = path.join(import.meta.dirname, 'load-settings.ts')
  return `const { loadSettings } = await import(${JSON.stringify(module)})
    console.log(await loadSettings(${JSON.stringify(folder)}, ${limit}).then(it => it.testTimeout, it => it.message))`
}

/** What a process that is nobody's Vitest makes of a configuration: its testTimeout, or the error. */
async function loadedAlone(folder: string, limit = 30_000): Promise<string> {
  const own = mkdtempSync(path.join(tmpdir(), 'settings-'))
  onTestFinished(() => rmSync(own, { recursive: true }))
  // A file: with -e node has globals of CommonJS.
  const script = path.join(own, 'load.mjs')
  writeFileSync(script, loading(folder, limit))
  const { all } = await execa(process.execPath, [script], {
    all: true,
    reject: false,
    cwd: tmpdir(),
    timeout: 30_000,
  })
  return all
}

test.each([
  ['an endless loop', 'for (;;);'],
  ['an endless loop later', 'export default async () => { await null; for (;;); }'],
  ['an endless loop in a getter', 'export default { get testTimeout() { for (;;); } }'],
])('%s is ended at the limit', async (_what, source) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'settings-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(path.join(folder, settingsFile), source)
  expect(await loadedAlone(folder, 100)).toBe(
    'error: netlink-vmtest.config.ts does not come to an end: it took longer than 0.1 s, and waits for nothing; look for a loop',
  )
})

test('a loop ends by a signal at once, and by its limit with status 2', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'settings-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(path.join(folder, settingsFile), "process.stderr.write('loops'); for (;;);")
  const cli = path.join(import.meta.dirname, '../cli.ts')
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const run = execa(process.execPath, [cli, 'exec', '--', 'true'], {
      cwd: folder,
      reject: false,
      forceKillAfterDelay: false,
    })
    run.stderr.once('data', () => run.kill(signal))
    const { signal: ended, stderr } = await run
    expect([ended, stderr]).toEqual([signal, 'loops'])
  }
  const limited = await execa(process.execPath, ['--input-type=module', '-e', loading(folder, 100)], {
    reject: false,
  })
  expect(limited.exitCode).toBe(2)
})

test('what is no TypeScript is told with its place', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'settings-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(path.join(folder, settingsFile), 'export default {')
  expect(await loadedAlone(folder)).toMatch(/cannot be loaded: .*netlink-vmtest\.config\.ts:1:\d+: ERROR: /)
})

test('a name that a module does not export is no setting left out', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'settings-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(path.join(folder, 'limits.ts'), 'export const other = 1')
  writeFileSync(
    path.join(folder, settingsFile),
    "import { testTimeout } from './limits.ts'\nexport default { testTimeout }",
  )
  expect(await loadedAlone(folder)).toMatch(
    /cannot be loaded: .*does not provide an export named 'testTimeout'/,
  )
})

test('a configuration that throws a SyntaxError is run once', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'settings-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(path.join(folder, settingsFile), "console.log('run')\nexport default JSON.parse('{')")
  expect(await loadedAlone(folder)).toMatch(/^run\nnetlink-vmtest\.config\.ts cannot be loaded: .*JSON/)
})

describe('what Node does not load by itself, tsx does', () => {
  const settings = 'export default { testTimeout: 1234 }'
  const json = '{ "testTimeout": 1234 }'
  test.each<[string, Record<string, string>]>([
    ['an enum', { [settingsFile]: 'enum Limit { test = 1234 }\nexport default { testTimeout: Limit.test }' }],
    [
      'an import without an extension',
      {
        [settingsFile]: "import { testTimeout } from './limits'\nexport default { testTimeout }",
        'limits.ts': 'export const testTimeout: number = 1234',
      },
    ],
    [
      "paths of the project's tsconfig.json",
      {
        [settingsFile]: "import { testTimeout } from '@/limits'\nexport default { testTimeout }",
        'src/limits.ts': 'export const testTimeout: number = 1234',
        'tsconfig.json': '{ "compilerOptions": { "paths": { "@/*": ["./src/*"] } } }',
      },
    ],
    [
      'ES modules in a package of CommonJS',
      {
        [settingsFile]: "import { testTimeout } from './limits.ts'\nexport default { testTimeout }",
        'limits.ts': 'export const testTimeout: number = 1234',
        'package.json': '{ "type": "commonjs" }',
      },
    ],
    [
      'ES modules in a package without a type',
      {
        [settingsFile]: "import { testTimeout } from './limits.ts'\nexport default { testTimeout }",
        'limits.ts': 'export const testTimeout: number = 1234',
        'package.json': '{}',
      },
    ],
    [
      'CommonJS in a package without a type',
      { [settingsFile]: 'module.exports = { testTimeout: 1234 }', 'package.json': '{}' },
    ],
    [
      'netlink-vmtest/config, which need not be installed',
      {
        [settingsFile]:
          "import { defineConfig } from 'netlink-vmtest/config'\nexport default defineConfig({ testTimeout: 1234 })",
      },
    ],
    [
      'an enum and an awaited value in a package without a type',
      {
        [settingsFile]:
          'enum Limit { test = 1234 }\nexport default { testTimeout: await Promise.resolve(Limit.test) }',
        'package.json': '{}',
      },
    ],
    [
      'names with # in `paths`, .tsx, and JSON',
      {
        [settingsFile]:
          "import { one } from '#lib/one'\nimport { two } from './two.tsx'\nimport three from './three.json'\nexport default { testTimeout: one + two + three.value }",
        'src/one.ts': 'export const one: number = 1000',
        'two.tsx': 'export const two: number = 200',
        'three.json': '{ "value": 34 }',
        'tsconfig.json':
          '{ "compilerOptions": { "resolveJsonModule": true, "paths": { "#lib/*": ["./src/*"] } } }',
      },
    ],
    ['.tsx alone', { [settingsFile]: "export { default } from './all.tsx'", 'all.tsx': settings }],
    ['JSON alone', { [settingsFile]: "export { default } from './all.json'", 'all.json': json }],
    ['a function', { [settingsFile]: 'export default async () => ({ testTimeout: 1234 })' }],
  ])('%s', async (_what, files) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'settings-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
      writeFileSync(path.join(folder, name), content)
    }
    // In another process, without Vitest's loaders.
    expect(await loadedAlone(folder)).toBe('1234')
  })

  test.each([
    ['what is missing', "import './nowhere.ts'\nexport default {}", /cannot be loaded: .*nowhere/],
    ['an exit', 'export default process.exit(0)', /cannot be loaded: it calls process\.exit\(0\)$/],
    [
      'a setting that throws',
      "export default { get kernels() { throw new Error('not today') } }",
      /cannot be loaded: not today$/,
    ],
    ['what it throws', "throw new Error('not today')", /cannot be loaded: not today$/],
    ['what is no TypeScript', 'export default {', /cannot be loaded: .*ERROR/],
  ])('%s is told in a line', async (_what, source, message) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'settings-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    writeFileSync(path.join(folder, settingsFile), source)
    const error = await loadSettings(folder).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(UsageError)
    expect((error as UsageError).message).toMatch(message)
    expect((error as UsageError).message).not.toContain('\n')
  })
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

test('a configuration of another name is refused, wherever the command is run', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'settings-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  mkdirSync(path.join(folder, 'deep'))
  vi.spyOn(process, 'cwd').mockReturnValue(path.join(folder, 'deep'))
  onTestFinished(() => void vi.restoreAllMocks())
  writeFileSync(path.join(folder, 'netlink-vmtest.config.js'), 'export default {}')
  await expect(loadSettings(ownFolder)).rejects.toThrow(
    'netlink-vmtest.config.js is not read: rename it to netlink-vmtest.config.ts, or remove it',
  )
  writeFileSync(path.join(folder, settingsFile), 'export default {}')
  await expect(loadSettings(folder)).rejects.toThrow(
    'netlink-vmtest.config.js is not read: netlink-vmtest.config.ts is: remove one of them',
  )
})
