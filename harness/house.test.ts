// SPDX-License-Identifier: MIT
/** The linter keeps the order of the rooms (docs/architecture.md): it refuses a wrong import in a copy. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ownFolder } from './base/own-folder.ts'

let copy: string
beforeAll(() => {
  copy = mkdtempSync(path.join(tmpdir(), 'house-'))
  copyFileSync(path.join(ownFolder, 'biome.json'), path.join(copy, 'biome.json'))
})
afterAll(() => rmSync(copy, { recursive: true }))

/** The linter's messages for these files, given by path and content. */
async function lint(files: Readonly<Record<string, string>>): Promise<string> {
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(copy, file)), { recursive: true })
    writeFileSync(path.join(copy, file), content)
  }
  const biome = path.join(ownFolder, 'node_modules/.bin/biome')
  const { all, exitCode } = await execa(biome, ['lint', '--vcs-enabled=false', '.'], {
    cwd: copy,
    all: true,
    reject: false,
    env: { NO_COLOR: '1' },
    timeout: 60_000,
  })
  for (const file of Object.keys(files)) rmSync(path.join(copy, file))
  return exitCode === 0 ? 'accepted' : all
}

const importing = (target: string) => `export type { Thing } from '${target}'\n`

test.each([
  ['harness/base/a.ts', '../commands/run.ts'],
  ['harness/base/a.ts', '../../kernel/kernel.ts'],
  ['harness/qemu/a.ts', '../guest/guest.ts'],
  ['harness/prepare/a.ts', '../session/session.ts'],
  ['harness/session/a.ts', '../report/files.ts'],
  ['harness/pool/a.ts', '../template/template.ts'],
  ['harness/verdict/a.ts', '../cli.ts'],
  ['kernel/debian/a.ts', '../../harness/qemu/qemu.ts'],
  ['kernel/a.ts', '../images/image.ts'],
  ['images/a.ts', '../kernel/kernel.ts'],
  ['images/a.ts', '../harness/prepare/settings.ts'],
  ['guest/testing/a.ts', '../../harness/base/errors.ts'],
  ['guest/netlink/socket/a.ts', '../../agent/port.ts'],
  ['guest/netlink/codec/a.ts', '../socket/socket.ts'],
  ['guest/netlink/codec/a.ts', '../index.ts'],
  ['guest/netlink/codec/a.ts', '../../ynl/index.ts'],
  ['guest/ynl/a.ts', '../testing/index.ts'],
])('%s may not import %s', async (file, target) => {
  const said = await lint({ [file]: importing(target) })
  expect(said).toContain(file)
  expect(said).toContain('docs/architecture.md')
})

test.each([
  ['harness/commands/a.ts', '../qemu/qemu.ts'],
  ['harness/qemu/a.ts', '../../guest/agent/protocol.ts'],
  ['kernel/debian/a.ts', '../../harness/base/errors.ts'],
  ['guest/netlink/socket/a.ts', '../codec/message.ts'],
])('%s may import %s', async (file, target) => {
  expect(await lint({ [file]: importing(target) })).toBe('accepted')
})

test('files that import each other are refused, types included', async () => {
  const said = await lint({ 'kernel/a.ts': importing('./b.ts'), 'kernel/b.ts': importing('./a.ts') })
  expect(said).toContain('noImportCycles')
})

/** From the roof to the ground; what is in one room counts as one. */
const rooms = [
  ...['harness/cli.ts', 'harness/commands', 'harness/bench', 'harness/compare', 'harness/report'],
  ...['harness/session', 'harness/prepare'],
  ...['harness/template', 'harness/pool', 'harness/verdict', 'harness/guest', 'harness/qemu'],
  ...['kernel', 'images', 'harness/base', 'guest/testing', 'guest/programs', 'guest/agent', 'guest/ynl'],
  'guest/netlink',
]

test('however an import is spelt, none goes up', async () => {
  const { stdout } = await execa('git', ['ls-files', 'harness', 'kernel', 'images', 'guest'], {
    cwd: ownFolder,
  })
  const sources = stdout
    .split('\n')
    .filter(file => /(?<!\.test)\.ts$/.test(file) && !file.includes('/fixtures/'))
  const roomOf = (file: string) => rooms.findIndex(room => file === room || file.startsWith(`${room}/`))
  expect(sources.filter(file => roomOf(file) < 0)).toEqual([])
  const up = sources.flatMap(file => {
    const text = readFileSync(path.join(ownFolder, file), 'utf8')
    return [...text.matchAll(/(?:from |import\(|import )['"`](\.[^'"`\n]*)['"`]/g)]
      .map(([, target = '']) => path.join(path.dirname(file), target))
      .filter(target => roomOf(target) >= 0 && roomOf(target) < roomOf(file))
      .map(target => `${file}: ${target}`)
  })
  expect(up).toEqual([])
  expect(sources.length).toBeGreaterThan(150)
})
