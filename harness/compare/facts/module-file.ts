// SPDX-License-Identifier: MIT
/** What a module's file says. */
import { ElfFile, type ElfSection, SHF_ALLOC, SHF_EXECINSTR, SHN_UNDEF } from '../../base/elf.ts'
import { moduleIdentity, ownInfo } from './identity.ts'

/** A module's file. All of it survives JSON. */
export interface ModuleFile {
  /** As {@link moduleIdentity} gives it. */
  readonly identity: string
  /** What it says of itself (modinfo), by name: `license`, `alias`, `parm` ... */
  readonly info: Readonly<Record<string, readonly string[]>>
  /** Names of the symbols that the kernel and other modules must have, in order. */
  readonly imports: readonly string[]
  /** Bytes. */
  readonly sizes: ModuleSizes
  /** Whether it has a function that is called when it is loaded, and unloaded: without the latter it stays. */
  readonly init: boolean
  readonly exit: boolean
}

/** Bytes in memory. */
export interface ModuleSizes {
  /** Code, without what is freed after init. */
  readonly text: number
  readonly rodata: number
  readonly data: number
  readonly bss: number
}

/** @throws RangeError for what is no module */
export function moduleFile(ko: Buffer): ModuleFile {
  const file = new ElfFile(ko)
  const symbols = file.symbols()
  const defines = (name: string) =>
    symbols.some(symbol => symbol.name === name && symbol.section !== SHN_UNDEF)
  const imports = symbols.filter(({ section, name }) => section === SHN_UNDEF && name !== '')
  return {
    identity: moduleIdentity(ko),
    info: ownInfo(file),
    imports: [...new Set(imports.map(({ name }) => name))].sort(),
    sizes: sizesOf(file.sections),
    init: defines('init_module'),
    exit: defines('cleanup_module'),
  }
}

function sizesOf(sections: readonly ElfSection[]): ModuleSizes {
  const kept = sections.filter(({ flags, name }) => flags & SHF_ALLOC && !name.startsWith('.init'))
  const sum = (belongs: (section: ElfSection) => boolean) =>
    kept.filter(belongs).reduce((total, { size }) => total + size, 0)
  return {
    text: sum(({ flags }) => (flags & SHF_EXECINSTR) !== 0),
    rodata: sum(({ name }) => /^\.rodata\b/.test(name)),
    data: sum(({ name }) => /^\.data\b/.test(name)),
    bss: sum(({ name }) => /^\.bss\b/.test(name)),
  }
}
