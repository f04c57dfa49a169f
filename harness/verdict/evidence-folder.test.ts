// SPDX-License-Identifier: MIT
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ownFolder } from '../base/own-folder.ts'
import { commandAgain, evidenceFolder } from './evidence-folder.ts'

test.each([
  [
    'debian-6.1',
    'suites/echo/echo.test.ts',
    undefined,
    '.netlink-vmtest/debian-6.1/suites/echo/echo.test.ts',
  ],
  ['debian-6.1', 'a.test.ts', '1_2', '.netlink-vmtest/debian-6.1/a.test.ts/test-1_2'],
  ['tree:../../linux', 'a.test.ts', undefined, '.netlink-vmtest/tree:..-..-linux/a.test.ts'],
  ['pack:/tmp/6.1.tar.zst', 'a.test.ts', undefined, '.netlink-vmtest/pack:-tmp-6.1.tar.zst/a.test.ts'],
  ['debian-6.1', '../../other/a.test.ts', undefined, '.netlink-vmtest/debian-6.1/up/up/other/a.test.ts'],
])('evidence of %s, %s: below one folder', (label, file, only, folder) => {
  expect(path.posix.normalize(folder)).toBe(folder)
  expect(evidenceFolder(label, file, only)).toBe(folder)
})

test.each([
  ['.', './run-vm.sh --kernel debian-6.1 a.test.ts'],
  ['harness/base', '../../run-vm.sh --kernel debian-6.1 a.test.ts'],
])('the command to run a file again is one for a shell in %s', (folder, command) => {
  // path.relative('', ...) asks for it.
  const cwd = vi.spyOn(process, 'cwd').mockReturnValue(path.join(ownFolder, folder))
  onTestFinished(() => cwd.mockRestore())
  expect(commandAgain('debian-6.1', 'a.test.ts')).toBe(command)
})

test('it keeps what changes guests and modules, and nothing else', () => {
  const { argv } = process
  onTestFinished(() => {
    process.argv = argv
  })
  process.argv = [...argv.slice(0, 2), 'run', '--dump', '--coverage', '--modules', 'a b', '--html', 'x', 'a']
  expect(commandAgain('debian-6.1', 'a.test.ts')).toMatch(
    /run-vm.sh --kernel debian-6.1 --dump --coverage --modules 'a b' a.test.ts$/,
  )
})
