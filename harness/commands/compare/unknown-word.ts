// SPDX-License-Identifier: MIT
/** A word in the place of a side that names none, and chooses nothing: it is refused before anything is built. */
import { globSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { configDefaults } from 'vitest/config'
import { UsageError } from '../../base/errors.ts'
import type { OpenedSide } from '../../compare/sides.ts'
import { sourcesUnderTest } from '../../prepare/delivery.ts'

/**
 * @param word what stands where a side may stand
 * @param root the project that absolute paths are in
 * @param probes whether families are probed: files of these have their names
 * @throws UsageError for one that is in no test file's path, and in no source as the name of a family
 */
export function refuseUnknownWord(
  word: string,
  sides: readonly OpenedSide[],
  { root, probes }: { readonly root: string; readonly probes: boolean },
): void {
  const wanted = path
    .normalize(path.isAbsolute(word) ? path.relative(root, word) : word)
    .replace(/\/+$/, '')
    .toLowerCase()
  const isChosen = ({ root, settings }: OpenedSide) =>
    globSync([...settings.suites], { cwd: root, exclude: configDefaults.exclude }).some(file =>
      file.toLowerCase().includes(wanted),
    )
  if (sides.some(isChosen) || (probes && (isOfProbe(wanted) || sides.some(side => hasName(side, wanted)))))
    return
  throw new UsageError(`${word} is neither a revision nor a folder of modules, and no test file matches it`)
}

/** Names that files of any family have. */
function isOfProbe(word: string): boolean {
  return ['family', 'lifetime', 'command-', 'netlink-vmtest/probe'].some(
    name => name.includes(word) || word.includes(name),
  )
}

/** Whether a family may have such a name, which is in its sources. */
function hasName({ root, settings }: OpenedSide, word: string): boolean {
  const [family = ''] = word.split('/')
  const sources = sourcesUnderTest(settings, root).flatMap(source =>
    statSync(source, { throwIfNoEntry: false })?.isDirectory()
      ? globSync('**/*.{c,h,rs}', { cwd: source }).map(file => path.join(source, file))
      : globSync(source),
  )
  return sources.some(file => readFileSync(file, 'utf8').toLowerCase().includes(family))
}
