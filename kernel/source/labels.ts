// SPDX-License-Identifier: MIT
/** The configuration of a kernel from source. */
export type Flavour = 'minimal' | 'debug'

/** A kernel that is built from the source of a Debian package. */
export interface SourceLabel {
  readonly flavour: Flavour
  readonly series: string
  /**
   * Groups of suites with its `linux-source-SERIES`: the first group that has it wins, and within a group the
   * newest version.
   */
  readonly groups: readonly (readonly string[])[]
}

const suites: Readonly<Record<string, readonly (readonly string[])[]>> = {
  '5.10': [['bullseye', 'bullseye-security']],
  '6.1': [['bookworm', 'bookworm-security']],
  '6.12': [
    ['bookworm', 'bookworm-security'],
    ['trixie', 'trixie-security'],
  ],
  '7.3': [['trixie-backports', 'sid']],
}

/** The labels known to build and to run the suites, oldest first. */
export const sourceLabels: readonly string[] = [
  ...Object.keys(suites).map(series => `minimal-${series}`),
  ...['debug-6.12', 'debug-7.3'],
]

/**
 * Parses a label. Series that the table does not name are searched where Debian puts new kernels.
 * @returns undefined for other labels
 */
export function sourceLabel(label: string): SourceLabel | undefined {
  const [, flavour, series = '', major, minor] = /^(minimal|debug)-((\d+)\.(\d+))$/.exec(label) ?? []
  if (flavour !== 'minimal' && flavour !== 'debug') return undefined
  const recent = Number(major) > 6 || (Number(major) === 6 && Number(minor) > 12)
  const groups = suites[series] ?? (recent ? [['trixie-backports', 'sid']] : undefined)
  return groups && { flavour, series, groups }
}
