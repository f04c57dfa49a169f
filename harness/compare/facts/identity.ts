// SPDX-License-Identifier: MIT
/** Whether two files of a module are the same to the kernel. */
import { infoIn } from '../../../images/modinfo.ts'
import { contentKey } from '../../base/cache.ts'
import {
  ElfFile,
  type ElfSection,
  type ElfSymbol,
  SHF_ALLOC,
  SHT_NOTE,
  STB_LOCAL,
  STT_SECTION,
} from '../../base/elf.ts'

/** What a build says of itself in .modinfo: hashes of the sources, and names that the kernel's build gives. */
const ofTheBuild: readonly string[] = ['srcversion', 'vermagic', 'name', 'intree']

/** What a module says of itself, by name; without what the build does. In order: that of the file is the compiler's. */
export function ownInfo(file: ElfFile): Record<string, string[]> {
  const own = [...infoIn(file)].filter(([name]) => !ofTheBuild.includes(name))
  const ordered = own.map(([name, values]) => [name, values.toSorted()] as const)
  return Object.fromEntries(ordered.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/**
 * A key of all that is loaded and linked: code, data, relocations and .modinfo, without what tells of the
 * build (its id, .comment, debug sections, names of local symbols, the order of the symbol table).
 * @param ko the file, with or without debug information
 * @throws RangeError for what is no module
 */
export function moduleIdentity(ko: Buffer): string {
  const file = new ElfFile(ko)
  const symbols = file.symbols()
  const named = namesOf(file.sections)
  const parts: (string | Buffer)[] = []
  for (const section of file.sections) {
    if (!isLoaded(section)) continue
    const { type, flags, size, alignment, bytes } = section
    parts.push(`${nameOf(named, section.index)} ${type} ${flags} ${alignment} ${size}`, bytes)
    const places = file.relocationsFor(section).map(({ offset, type, symbol, addend }) => {
      const target = symbols[symbol]
      return `${offset} ${type} ${target ? placeOf(target, addend, named) : addend}`
    })
    parts.push(places.join('\n'))
  }
  const visible = symbols
    .filter(({ binding, name }) => binding !== STB_LOCAL && name !== '')
    .map(symbol => `${symbol.name} ${placeOf({ ...symbol, binding: STB_LOCAL }, 0n, named)}`)
  return contentKey([...parts, visible.sort().join('\n'), JSON.stringify(ownInfo(file))])
}

/** .modinfo has what the build says of itself, and is read apart. */
function isLoaded({ name, type, flags }: ElfSection): boolean {
  return (flags & SHF_ALLOC) !== 0 && type !== SHT_NOTE && name !== '.modinfo'
}

/** Sections of one name are told apart by their order: the indices depend on those that are not loaded. */
function namesOf(sections: readonly ElfSection[]): ReadonlyMap<number, string> {
  const counts = new Map<string, number>()
  return new Map(
    sections.map(({ index, name }) => {
      const count = counts.get(name) ?? 0
      counts.set(name, count + 1)
      return [index, `${name}#${count}`]
    }),
  )
}

function nameOf(named: ReadonlyMap<number, string>, index: number): string {
  return named.get(index) ?? `${index}`
}

/** Where a symbol leads: by name if others may define it, by place if it is this file's own. */
function placeOf(symbol: ElfSymbol, addend: bigint, named: ReadonlyMap<number, string>): string {
  const { name, type, binding, section, value } = symbol
  const isOwn = binding === STB_LOCAL || type === STT_SECTION
  return isOwn && section !== 0 ? `${nameOf(named, section)}+${BigInt(value) + addend}` : `${name}+${addend}`
}
