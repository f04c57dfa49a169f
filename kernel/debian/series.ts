// SPDX-License-Identifier: MIT
/** The parts of Debian's archive: security updates have a separate address. */
export type ArchiveName = 'main' | 'security'

/**
 * The suites to search for a series of kernels: the first group with a complete set of packages wins, and
 * within a group the newest version. 6.12 comes from bookworm rather than trixie: that build has Debian 12's
 * gcc, and its kbuild tools run on Debian 12 as they are.
 */
const series: Readonly<Record<string, readonly (readonly string[])[]>> = {
  '5.10': [['bullseye', 'bullseye-security']],
  '6.1': [['bookworm', 'bookworm-security']],
  '6.12': [
    ['bookworm', 'bookworm-security'],
    ['trixie', 'trixie-security'],
  ],
  '7.2': [['trixie-backports', 'sid']],
  '7.3': [['trixie-backports', 'sid']],
}

/** The series of each Debian release's own kernel. */
const ofRelease: Readonly<Record<string, string>> = { bullseye: '5.10', bookworm: '6.1', trixie: '6.12' }

/** The labels known to have packages, oldest first. */
export const debianLabels: readonly string[] = Object.keys(series).map(name => `debian-${name}`)

/** Labels of Debian's kernels for all machines, which have many more modules, in the same order. */
export const fullLabels: readonly string[] = Object.keys(series).map(name => `debian-full-${name}`)

/** The label of the full kernel beside a kernel for cloud machines. */
export function fullLabelOf(label: string): string | undefined {
  return debianLabels.includes(label) ? label.replace('debian-', 'debian-full-') : undefined
}

/** Debian's flavours of a kernel: for cloud machines, and for all. */
export type Flavour = 'cloud-amd64' | 'amd64'

/**
 * A label's series (6.1 of `debian-6.1`), and the groups of suites to search for it. Later series that the
 * table does not name are searched where Debian puts new kernels, so that they have labels already. The flavour
 * is given for `debian-full-6.1`; else it is that for cloud machines.
 * @returns undefined for other labels
 */
export function seriesOf(
  label: string,
): { series: string; groups: readonly (readonly string[])[]; flavour?: Flavour } | undefined {
  const [, full, name, major, minor] = /^debian-(full-)?((\d+)\.(\d+))$/.exec(label) ?? []
  if (name === undefined) return undefined
  const flavour = full === undefined ? {} : ({ flavour: 'amd64' } as const)
  const known = series[name]
  if (known) return { series: name, groups: known, ...flavour }
  const recent = Number(major) > 6 || (Number(major) === 6 && Number(minor) > 12)
  return recent ? { series: name, groups: [['trixie-backports', 'sid']], ...flavour } : undefined
}

/** The label of a Debian release's own kernels, by its code name. */
export function labelOfRelease(codename: string): string | undefined {
  const name = ofRelease[codename]
  return name === undefined ? undefined : `debian-${name}`
}

/** The part of the archive that a suite is in. */
export function archiveOf(suite: string): ArchiveName {
  return suite.endsWith('-security') ? 'security' : 'main'
}

/** The suite with the libraries that the packages of `suite` were linked with. */
export function librariesOf(suite: string): string {
  return suite.replace(/-(backports|security)$/, '')
}
