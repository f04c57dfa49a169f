// SPDX-License-Identifier: MIT
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { MachineryError } from '../../harness/base/errors.ts'
import { runToolOrFail } from '../../harness/base/process.ts'
import type { ArchiveName } from './series.ts'

/** A source of a part of Debian's archive, by this machine's apt configuration. */
export interface Source {
  /** The address of the folder with `dists` and `pool`. */
  readonly uri: string
  /** Signed-By of the machine's own entry (a keyring's path, or key text); undefined: apt's trusted keys. */
  readonly signedBy: string | undefined
}

export type Sources = Readonly<Partial<Record<ArchiveName, Source>>>

/** A line of `apt-get indextargets`, in {@link targetFormat}. */
export interface Target {
  readonly uri: string
  readonly suite: string
  readonly label: string | undefined
  /** The file of the machine's configuration that names the target. */
  readonly file: string
}

/**
 * The output format for `apt-get indextargets`; a variable that apt does not know stays in the answer as it
 * is.
 */
export const targetFormat = '$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)\t$(LABEL)\t$(SOURCESENTRY)'

/** Names of Debian's suites, without `stable` and the like, which other vendors' repositories use too. */
const suiteNames = /^(bullseye|bookworm|trixie|forky|duke|sid|unstable)(-[a-z-]+|\/updates)?$/

/** Parses the answer of `apt-get indextargets`; keeps the component `main` only. */
export function parseTargets(text: string): Target[] {
  return text.split('\n').flatMap(line => {
    const [uri, suite, component, label, entry] = line.split('\t')
    if (!uri || !suite || component !== 'main' || !entry) return []
    return [
      {
        uri,
        suite,
        label: label?.startsWith('$(') ? undefined : label,
        file: entry.replace(/:\d+$/, ''),
      },
    ]
  })
}

/**
 * Picks Debian's archives from the machine's targets by the label in a repository's Release file, or by the
 * suite's name if apt has not fetched that file yet, as in a fresh container.
 */
export function debianTargets(targets: readonly Target[]): Partial<Record<ArchiveName, Target>> {
  const is = (label: string, target: Target, security: boolean) =>
    target.label === undefined
      ? suiteNames.test(target.suite) && /(-security|\/updates)$/.test(target.suite) === security
      : target.label === label
  const main = targets.find(it => is('Debian', it, false))
  const security = targets.find(it => is('Debian-Security', it, true))
  return { ...(main && { main }), ...(security && { security }) }
}

/**
 * All configured targets: first `released`, of which apt has Release files, then the others. With the lists
 * of the main archive alone, as in many container images, apt does not report security's.
 */
export function withUnread(released: readonly Target[], configured: readonly Target[]): Target[] {
  const has = (wanted: Target) =>
    released.some(it => it.uri === wanted.uri && it.suite === wanted.suite && it.file === wanted.file)
  return [...released, ...configured.filter(it => !has(it))]
}

/** Signed-By of the entry for `uri` in a file of sources.list(5), in either of its two formats. */
export function signedByOf(content: string, file: string, uri: string): string | undefined {
  const address = uri.replace(/\/+$/, '')
  if (!file.endsWith('.sources')) {
    for (const line of content.split('\n')) {
      const [, options = '', lineUri = ''] = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s/.exec(line) ?? []
      if (lineUri.replace(/\/+$/, '') === address)
        return /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1]?.replaceAll(',', ' ')
    }
    return undefined
  }
  const uncommented = content
    .split('\n')
    .filter(line => !line.startsWith('#'))
    .join('\n')
  for (const stanza of uncommented.split(/\n\s*\n/)) {
    const uris = /^URIs:(.*(?:\n[ \t].*)*)/im.exec(stanza)?.[1]?.split(/\s+/) ?? []
    if (uris.some(it => it.replace(/\/+$/, '') === address))
      // Key text has several lines, each indented by a space, and is kept so.
      return /^Signed-By:[ \t]*(.*(?:\n[ \t].*)*)/im.exec(stanza)?.[1]
  }
  return undefined
}

/**
 * Debian's archives by this machine's apt configuration; no host is built in.
 * @param mirror the address of a mirror of the main archive, in place of the machine's own. By convention its
 *   security archive is at the same address with `-security` added.
 */
export async function machineSources(mirror?: string): Promise<Sources> {
  const found = debianTargets(withUnread(await targets([]), await targets(['--no-release-info'])))
  if (mirror !== undefined) {
    const uri = mirror.replace(/\/+$/, '')
    const signedBy = found.main && (await keyringOf(found.main))
    return { main: { uri, signedBy }, security: { uri: `${uri}-security`, signedBy } }
  }
  if (!found.main && !found.security)
    throw new MachineryError(
      "this machine's apt configuration names no Debian archive: add one, or set the address of a mirror",
    )
  return {
    ...(found.main && { main: await sourceOf(found.main) }),
    ...(found.security && { security: await sourceOf(found.security) }),
  }
}

async function targets(options: readonly string[]): Promise<Target[]> {
  const { stdout } = await runToolOrFail(
    'apt-get',
    ['indextargets', ...options, '--format', targetFormat, 'Identifier: Packages'],
    { timeout: 60_000 },
  )
  return parseTargets(stdout)
}

async function sourceOf(target: Target): Promise<Source> {
  return { uri: target.uri.replace(/\/+$/, ''), signedBy: await keyringOf(target) }
}

async function keyringOf(target: Target): Promise<string | undefined> {
  const content = await readFile(path.resolve(target.file), 'utf8').catch(() => '')
  return signedByOf(content, target.file, target.uri)
}
