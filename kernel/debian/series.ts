/** The parts of Debian's archive: security updates have an address of their own. */
export type ArchiveName = 'main' | 'security'

/**
 * The suites that a series of kernels is looked for in. The first group with a complete set of packages wins; within
 * a group the newest version does. 6.12 is taken from bookworm before trixie, because the kbuild tools of that build
 * run on Debian 12 as they are, and it was compiled with Debian 12's gcc.
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

/** The series with which each Debian release was made: what its own packages offer. */
const ofRelease: Readonly<Record<string, string>> = { bullseye: '5.10', bookworm: '6.1', trixie: '6.12' }

/** The labels that are known to have packages, oldest first. */
export const debianLabels: readonly string[] = Object.keys(series).map(name => `debian-${name}`)

/**
 * The groups of suites to look for the kernels of a label in, and the series: `debian-6.1` is series 6.1. Series
 * after 6.12 that the table does not name are looked for where Debian puts new kernels, so that a kernel that comes
 * out after this was written has a label already.
 * @returns undefined for what is no label of this kind
 */
export function seriesOf(
  label: string,
): { series: string; groups: readonly (readonly string[])[] } | undefined {
  const [, name, major, minor] = /^debian-((\d+)\.(\d+))$/.exec(label) ?? []
  if (name === undefined) return undefined
  const known = series[name]
  if (known) return { series: name, groups: known }
  const recent = Number(major) > 6 || (Number(major) === 6 && Number(minor) > 12)
  return recent ? { series: name, groups: [['trixie-backports', 'sid']] } : undefined
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

/** The suite that has the libraries which the packages of `suite` were linked with. */
export function librariesOf(suite: string): string {
  return suite.replace(/-(backports|security)$/, '')
}
