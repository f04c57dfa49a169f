// SPDX-License-Identifier: MIT
import { type ArchiveName, archiveOf, type Flavour } from './series.ts'
import { compareVersions } from './version.ts'

/** A file of the archive. It names no host: by its hash it is the same on every mirror. */
export interface Package {
  readonly name: string
  readonly version: string
  readonly suite: string
  readonly archive: ArchiveName
  /** Its path below the archive's address: `pool/main/l/linux/...deb`. */
  readonly file: string
  readonly size: number
  readonly sha256: string
}

/** A package in an index. */
export interface IndexedPackage extends Package {
  /** The names in Depends, without alternatives. */
  readonly depends: readonly Dependency[]
}

interface Dependency {
  readonly name: string
  /** The version after `>=`, if any. */
  readonly atLeast: string | undefined
}

/** The packages of a kernel, and its `uname -r`. */
export interface Resolution {
  readonly release: string
  readonly packages: readonly Package[]
}

/** The complete kernels of a series in an index, newest first, and the incomplete ones. */
export interface Candidates {
  readonly found: readonly Resolution[]
  /** Releases with an image but no headers: the archive keeps old images for longer. */
  readonly withoutHeaders: readonly string[]
}

/** The libraries of the kbuild tools, for hosts whose own are older. */
const libraries = ['libc6', 'libelf1t64', 'libzstd1', 'zlib1g']

/** The libc of Debian 12, the oldest supported host: tools that need no newer one run on every host. */
const oldestLibc = '2.36'

/** An awk pattern for the packages that {@link candidates} needs, a small part of an index. */
export const indexFilter = `^Package: (linux-(source|image|binary|binary-unsigned|modules|base|headers|kbuild)-[0-9]|(${libraries.join('|')})\\n)`

/** Reads the stanzas of a Packages index. */
export function parseIndex(text: string, suite: string): IndexedPackage[] {
  const packages: IndexedPackage[] = []
  for (const stanza of text.split(/\n\n+/)) {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1]
    const [name, version, file, sha256] = [
      field('Package'),
      field('Version'),
      field('Filename'),
      field('SHA256'),
    ]
    if (!name || !version || !file || !sha256) continue
    packages.push({
      name,
      version,
      suite,
      archive: archiveOf(suite),
      file,
      size: Number(field('Size') ?? 0),
      sha256,
      depends: parseDepends(field('Depends') ?? ''),
    })
  }
  return packages
}

function parseDepends(text: string): Dependency[] {
  return text.split(',').flatMap(clause => {
    const [, name, atLeast] = /^\s*([^\s|(:]+)(?::\w+)?\s*(?:\(>=\s*([^)]+)\))?\s*$/.exec(clause) ?? []
    const [, exact] = /^\s*([^\s|(:]+)\s*\(=/.exec(clause) ?? []
    const found = name ?? exact
    return found === undefined ? [] : [{ name: found, atLeast }]
  })
}

/**
 * The kernels of `series` that can be booted *and* built for, newest first, found by their headers, whose
 * dependencies name the rest.
 */
export function candidates(
  index: readonly IndexedPackage[],
  series: string,
  flavour: Flavour = 'cloud-amd64',
): Candidates {
  // No other flavour (cloud, rt) before `amd64`.
  const abis = `${series.replaceAll('.', '\\.')}\\.\\S+(?<!-[a-z]+)`
  const headers = new RegExp(`^linux-headers-(${abis})-${flavour}$`)
  const found: { version: string; resolution: Resolution }[] = []
  for (const built of index) {
    const abi = headers.exec(built.name)?.[1]
    if (abi === undefined) continue
    const exactly = (name: string) => index.find(it => it.name === name && it.version === built.version)
    const image = imageOf(abi, flavour, exactly)
    const common = exactly(`linux-headers-${abi}-common`)
    const kbuild = kbuildOf(built, index)
    if (!image || !common || !kbuild) continue
    found.push({
      version: built.version,
      resolution: { release: `${abi}-${flavour}`, packages: [...image, built, common, kbuild].map(plain) },
    })
  }
  found.sort((a, b) => compareVersions(b.version, a.version))
  const complete = new Set(found.map(it => it.resolution.release))
  const image = new RegExp(`^linux-image-(${abis}-${flavour})$`)
  const releases = index.flatMap(it => image.exec(it.name)?.[1] ?? [])
  return {
    // A version may be in several suites: a point release takes over security's packages.
    found: found
      .map(it => it.resolution)
      .filter((it, i, all) => all.findIndex(other => other.release === it.release) === i),
    withoutHeaders: [...new Set(releases)].filter(release => !complete.has(release)),
  }
}

/** The packages with the kernel, its modules and config. The signed image, as on Debian machines. */
function imageOf(
  abi: string,
  flavour: Flavour,
  exactly: (name: string) => IndexedPackage | undefined,
): IndexedPackage[] | undefined {
  // From 6.19 on linux-image is an empty package that depends on three others.
  const parts = ['binary', 'modules', 'base'].map(
    part => exactly(`linux-${part}-${abi}-${flavour}`) ?? exactly(`linux-${part}-unsigned-${abi}-${flavour}`),
  )
  if (parts.every(part => part !== undefined)) return parts
  const image = exactly(`linux-image-${abi}-${flavour}`) ?? exactly(`linux-image-${abi}-${flavour}-unsigned`)
  return image === undefined || image.depends.some(it => it.name.startsWith('linux-binary-'))
    ? undefined
    : [image]
}

function kbuildOf(headers: IndexedPackage, index: readonly IndexedPackage[]): IndexedPackage | undefined {
  const dependency = headers.depends.find(it => it.name.startsWith('linux-kbuild-'))
  return index
    .filter(it => it.name === dependency?.name && compareVersions(it.version, dependency.atLeast ?? '0') >= 0)
    .sort((a, b) => compareVersions(b.version, a.version))[0]
}

/** Whether a kernel's kbuild tools need a newer libc than the oldest supported host has. */
export function needsLibraries(resolution: Resolution, index: readonly IndexedPackage[]): boolean {
  const kbuild = resolution.packages.find(it => it.name.startsWith('linux-kbuild-'))
  const wanted = index
    .find(it => it.sha256 === kbuild?.sha256)
    ?.depends.find(it => it.name === 'libc6')?.atLeast
  return wanted !== undefined && compareVersions(wanted, oldestLibc) > 0
}

/**
 * Adds the newest libraries of `index` to a kernel's packages.
 * @returns undefined if the index lacks one
 */
export function withLibraries(
  resolution: Resolution,
  index: readonly IndexedPackage[],
): Resolution | undefined {
  const found = libraries.map(
    name => index.filter(it => it.name === name).sort((a, b) => compareVersions(b.version, a.version))[0],
  )
  return found.every(it => it !== undefined)
    ? { ...resolution, packages: [...resolution.packages, ...found.map(plain)] }
    : undefined
}

/** The versions of `linux-source-SERIES` in an index, newest first; `release` is the upstream version. */
export function sourcePackages(index: readonly IndexedPackage[], series: string): Resolution[] {
  return index
    .filter(it => it.name === `linux-source-${series}`)
    .sort((a, b) => compareVersions(b.version, a.version))
    .map(it => ({ release: upstreamOf(it.version), packages: [plain(it)] }))
}

/** `6.12.117` for `6.12.117-1~deb12u1`; `7.3.0` for `7.3-1`, as the kernel counts. */
function upstreamOf(version: string): string {
  const upstream = version.replace(/^\d+:/, '').replace(/-[^-]*$/, '')
  return /^\d+\.\d+$/.test(upstream) ? `${upstream}.0` : upstream
}

/** Whether a package is one of the private libraries. */
export function isLibrary(name: string): boolean {
  return libraries.includes(name)
}

function plain({ name, version, suite, archive, file, size, sha256 }: IndexedPackage): Package {
  return { name, version, suite, archive, file, size, sha256 }
}
