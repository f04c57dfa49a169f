// SPDX-License-Identifier: MIT
/** What of a loaded module can be seen from outside: files, parameters, protocols, log. */
import { type Dirent, lstatSync, readdirSync, readFileSync } from 'node:fs'
import type { LogRecord } from './kernel-log.ts'
import type { Appearance, VisibleFile, VisibleRecord } from './registration.ts'

/** Folders that are searched to the ground. */
const searched = ['/dev', '/proc', '/sys/kernel', '/sys/fs']
/**
 * Folders that are not: those of processes, terminals, large ones that tell nothing of modules, and those of
 * others' doings. /proc/net is a link to that of the process.
 */
const passedOver =
  /^\/(proc\/(\d+|self|thread-self|irq|bus|fs|tty|acpi|asound|kmsg|kcore|kpage\w+)|dev\/(pts|char|block|disk|fd|shm|mqueue|hugepages)|sys\/kernel\/(tracing|debug\/tracing|slab|irq|mm|btf|iommu_groups|security|notes)|sys\/fs\/(cgroup|pstore|bpf))$/
/** What the kernel says of any module that it did not come with. */
const ofAnyModule = /: (loading out-of-tree module taints kernel\.|module verification failed: .*)$/
/** Bytes of a value: what is longer is no setting. */
const LONGEST_VALUE = 4096

/** The files that modules may make. Debugfs, which is large, has only its folders at the top. */
export function visibleFiles(): Set<string> {
  const found = new Set<string>()
  for (const folder of searched) search(folder, found)
  search('/proc/net', found, '/proc/self/net')
  for (const each of entries('/sys/class'))
    for (const device of entries(`/sys/class/${each}`)) found.add(`/sys/class/${each}/${device}`)
  return found
}

/** @param place the folder itself, if what is found there is called otherwise */
function search(folder: string, found: Set<string>, place = folder): void {
  for (const entry of typedEntries(place)) {
    const name = `${folder}/${entry.name}`
    if (passedOver.test(name) || found.has(name)) continue
    found.add(name)
    if (entry.isDirectory() && folder !== '/sys/kernel/debug') search(name, found, `${place}/${entry.name}`)
  }
}

/** Files that are new, with what is in new folders. */
export function newFiles(before: ReadonlySet<string>, now: ReadonlySet<string>): VisibleFile[] {
  const names = new Set([...now].filter(name => !before.has(name)))
  for (const name of [...names]) {
    if (name.startsWith('/sys/kernel/debug/')) search(name, names)
    if (!name.startsWith('/sys/class/')) continue
    // The attributes of a device, without the folders, which are devices and links.
    for (const entry of typedEntries(name)) if (entry.isFile()) names.add(`${name}/${entry.name}`)
  }
  return [...names].sort().map(name => visibleFile(name, name, name.startsWith('/proc/sys/')))
}

/** The parameters of a loaded module. */
export function visibleParameters(module: string): VisibleFile[] {
  const folder = `/sys/module/${module}/parameters`
  return entries(folder).map(name => visibleFile(name, `${folder}/${name}`, true))
}

function visibleFile(name: string, place: string, hasValue: boolean): VisibleFile {
  const status = lstatSync(place, { throwIfNoEntry: false })
  // A link has no permissions of its own.
  const mode = !status || status.isSymbolicLink() ? '' : (status.mode & 0o7777).toString(8)
  const value = hasValue && status?.isFile() ? settingIn(place, status.mode) : undefined
  return { name, mode, ...(value !== undefined && { value }) }
}

/** Root reads what nobody may, and gets an error of the file's own. */
function settingIn(file: string, mode: number): string | undefined {
  if ((mode & 0o444) === 0) return undefined
  try {
    const text = readFileSync(file, 'utf8')
    return text.length > LONGEST_VALUE ? undefined : text.replace(/\n$/, '')
  } catch {
    return undefined
  }
}

/** The names in the first column of /proc/net/protocols. */
export function protocolNames(): string[] {
  const [, ...lines] = readFileSync('/proc/net/protocols', 'utf8').trimEnd().split('\n')
  return lines.map(line => line.split(' ', 1)[0] ?? '')
}

/** What matters of the log: not what is said of any module. */
export function visibleRecords(records: readonly LogRecord[]): VisibleRecord[] {
  return records.filter(({ text }) => !ofAnyModule.test(text))
}

/** What two loads of a module have in common. */
export function agreed(first: Appearance, second: Appearance): Appearance {
  const common = (one: readonly VisibleFile[], other: readonly VisibleFile[]) =>
    one.flatMap((file): VisibleFile[] => {
      const same = other.find(({ name }) => name === file.name)
      if (same === undefined) return []
      const { name, mode, value } = file
      return [{ name, mode, ...(value !== undefined && value === same.value && { value }) }]
    })
  return {
    ...second,
    parameters: common(first.parameters, second.parameters),
    files: common(first.files, second.files),
    loading: commonRecords(first.loading, second.loading),
    unloading: commonRecords(first.unloading, second.unloading),
  }
}

/** A number: decimal, an address, a hash of one. */
const number = /(0x[\da-f]+|\b[\da-f]{8,}\b|\d+)/i

/** The records of both, with "…" for numbers that differ. */
export function commonRecords(
  first: readonly VisibleRecord[],
  second: readonly VisibleRecord[],
): VisibleRecord[] {
  const left = [...first]
  return second.flatMap(({ level, text }): VisibleRecord[] => {
    const parts = text.split(number)
    const words = (all: readonly string[]) => all.filter((_, index) => index % 2 === 0).join('\0')
    const at = left.findIndex(
      other => other.level === level && words(other.text.split(number)) === words(parts),
    )
    if (at < 0) return []
    const [other] = left.splice(at, 1)
    const others = other?.text.split(number) ?? []
    return [{ level, text: parts.map((part, index) => (part === others[index] ? part : '…')).join('') }]
  })
}

/** The names in a folder, in order; none of what is no folder. */
export function entries(folder: string): string[] {
  return typedEntries(folder)
    .map(({ name }) => name)
    .sort()
}

function typedEntries(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return [] // A file among the classes, as bonding_masters; no parameters.
  }
}
