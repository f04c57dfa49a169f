// SPDX-License-Identifier: MIT
/** Each source says its licence in its first lines: MIT, but for what becomes part of a kernel (kernel/modules/licence.test.ts). */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { ownFolder } from './base/own-folder.ts'

test('each source has an SPDX line, and there is the text of each licence', async () => {
  const { stdout } = await execa('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: ownFolder,
  })
  const sources = stdout
    .split('\n')
    .filter(file => /\.(ts|sh|c|h|config)$|^\.ci\/run$|^images\/init$|^bin\//.test(file))
    .filter(file => !/\.test\.ts\.snap$/.test(file))
  expect(sources.length).toBeGreaterThan(400)
  const licences = new Map(
    sources.map(file => {
      const [first = '', second = ''] = readFileSync(path.join(ownFolder, file), 'utf8').split('\n', 2)
      return [file, /SPDX-License-Identifier: (\S+)/.exec(first.startsWith('#!') ? second : first)?.[1]]
    }),
  )
  const isKernels = (file: string) =>
    /^(kernel\/(?:modules|coverage)|harness\/fixtures\/(?:faults-module|coverage|ktap)|examples\/(?!client\/client\/).*)\/.*\.[ch]$/.test(
      file,
    )
  const wrong = [...licences].filter(
    ([file, licence]) => licence !== (isKernels(file) ? 'GPL-2.0-only' : 'MIT'),
  )
  expect(wrong).toEqual([])
  for (const licence of new Set(licences.values()))
    expect(readFileSync(path.join(ownFolder, `LICENSES/${licence}.txt`), 'utf8')).not.toBe('')
})
