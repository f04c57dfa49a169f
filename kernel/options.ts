// SPDX-License-Identifier: MIT
/** An option of a fragment: `CONFIG_SMP=y`, or `# CONFIG_SMP is not set`, which is the value `n`. */
export interface Option {
  /** With its `CONFIG_`. */
  readonly name: string
  readonly value: string
}

/**
 * The options of a kernel's configuration or of a fragment. In a fragment a line `# from 6.1 on` or
 * `# up to 5.10` (both inclusive) applies to the options below it, up to the next empty line.
 * @param series the kernel's, `6.1`; without it such lines have no effect
 */
export function parseOptions(text: string, series?: string): Option[] {
  const options: Option[] = []
  let applies = true
  for (const line of text.split('\n')) {
    const [, from, upTo] = /^# (?:from (\d+\.\d+) on|up to (\d+\.\d+))$/.exec(line) ?? []
    if (line.trim() === '') applies = true
    else if (series !== undefined && from !== undefined) applies = compareSeries(series, from) >= 0
    else if (series !== undefined && upTo !== undefined) applies = compareSeries(series, upTo) <= 0
    const [, set, value] = /^(CONFIG_\w+)=(.*)$/.exec(line) ?? []
    const [, unset] = /^# (CONFIG_\w+) is not set$/.exec(line) ?? []
    if (!applies) continue
    if (set !== undefined && value !== undefined) options.push({ name: set, value })
    else if (unset !== undefined) options.push({ name: unset, value: 'n' })
  }
  return options
}

/**
 * Options as a file for the kernel's configuration tools, in a fixed order; of two for the same name the last
 * counts.
 */
export function formatOptions(options: readonly Option[]): string {
  const last = new Map(options.map(({ name, value }) => [name, value]))
  return [...last]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => (value === 'n' ? `# ${name} is not set\n` : `${name}=${value}\n`))
    .join('')
}

/**
 * The wanted options that a configuration lacks, each with what it has instead. Kconfig silently drops an
 * option whose dependency is missing, or which has another name in this kernel.
 * @param config the text of a .config
 */
export function unmet(wanted: readonly Option[], config: string): { wanted: Option; found: string }[] {
  const found = new Map(parseOptions(config).map(({ name, value }) => [name, value]))
  const last = new Map(wanted.map(({ name, value }) => [name, value]))
  return [...last].flatMap(([name, value]) => {
    const has = found.get(name) ?? 'n'
    return has === value ? [] : [{ wanted: { name, value }, found: has }]
  })
}

function compareSeries(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number)
  const [majorB = 0, minorB = 0] = b.split('.').map(Number)
  return majorA - majorB || minorA - minorB
}
