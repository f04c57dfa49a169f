// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { UsageError } from '../base/errors.ts'
import { checkSettings } from '../prepare/settings.ts'
import { type MergeOptions, merge } from './merge.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'merge-'))
  mkdirSync(path.join(folder, 'empty'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const refusals: [args: string[], message: string, options?: MergeOptions][] = [
  [['FOLDER/nowhere'], 'there is no folder FOLDER/nowhere'],
  [['FOLDER/empty'], 'there is no blob in FOLDER/empty: run the shards with --reporter=blob'],
  [[import.meta.filename], 'merge.test.ts is no folder: name the one with the blobs'],
  [[], 'merge needs the folder with the blobs'],
  [['FOLDER', 'FOLDER/empty'], 'merge takes one folder, not also FOLDER/empty'],
  [['FOLDER', '--shard=1/2'], '--shard has no place here: merge runs no tests'],
  [['FOLDER', '--execArgv=--x'], '--execArgv has no place here: merge runs no tests'],
  [['FOLDER', '--testTimeout=1'], '--testTimeout has no place here: merge runs no tests'],
  [['FOLDER', '--reporter=blob'], '--reporter=blob has no place here: merge reads blobs'],
  [['FOLDER', '--outputFile.json=x'], 'no reporter json that writes a file is asked for'],
  [['FOLDER'], 'cannot write the report FOLDER/empty: it is a folder', { junit: 'FOLDER/empty' }],
]
test.each(refusals)('merge %j: %s', async (args, message, { junit } = {}) => {
  const here = (text: string) => text.replaceAll('FOLDER', folder)
  const options = junit === undefined ? {} : { junit: here(junit) }
  const merging = merge(options, args.map(here), checkSettings({}), folder)
  await expect(merging).rejects.toThrow(UsageError)
  await expect(merging).rejects.toThrow(here(message))
})
