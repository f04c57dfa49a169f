// SPDX-License-Identifier: MIT
/** Object files of 64 bits, little endian: elf(5). */

/** A section. */
export interface ElfSection {
  readonly index: number
  readonly name: string
  /** SHT_. */
  readonly type: number
  /** SHF_. */
  readonly flags: number
  /** Bytes in memory: of a section without bits (SHT_NOBITS), too. */
  readonly size: number
  readonly alignment: number
  /** Empty for a section without bits. */
  readonly bytes: Buffer
  /** Of relocations: the section that they are for. Of symbols: the first that is not local. */
  readonly info: number
}

/** A symbol. */
export interface ElfSymbol {
  readonly name: string
  /** STT_. */
  readonly type: number
  /** STB_. */
  readonly binding: number
  /** The index of its section, or SHN_. */
  readonly section: number
  readonly value: number
  readonly size: number
}

/** An entry of a section of relocations (SHT_RELA). */
export interface ElfRelocation {
  readonly offset: number
  /** R_X86_64_ and the like. */
  readonly type: number
  /** The index of its symbol. */
  readonly symbol: number
  readonly addend: bigint
}

export const SHT_SYMTAB = 2
export const SHT_RELA = 4
export const SHT_NOTE = 7
export const SHT_NOBITS = 8
export const SHF_ALLOC = 2
export const SHF_EXECINSTR = 4
export const SHF_COMPRESSED = 0x800
export const SHN_UNDEF = 0
export const STB_LOCAL = 0
export const STT_FUNC = 2
export const STT_SECTION = 3

const ELFCLASS64 = 2
const ELFDATA2LSB = 1
const SYMBOL = 24
const RELOCATION = 24

/** An object file. */
export class ElfFile {
  readonly sections: readonly ElfSection[]
  readonly #symbolTable: Buffer | undefined
  readonly #symbolNames: Buffer

  /** @throws RangeError for bytes that are no such file, or a truncated one */
  constructor(file: Buffer) {
    if (file.toString('latin1', 0, 4) !== '\x7fELF' || file[4] !== ELFCLASS64 || file[5] !== ELFDATA2LSB)
      throw new RangeError('no 64-bit ELF file')
    const start = Number(file.readBigUInt64LE(40))
    const entry = file.readUInt16LE(58)
    const headers = Array.from({ length: file.readUInt16LE(60) }, (_, index) => {
      const at = start + index * entry
      const number = (offset: number) => Number(file.readBigUInt64LE(at + offset))
      const type = file.readUInt32LE(at + 4)
      const [place, size] = [number(24), number(32)]
      if (type !== SHT_NOBITS && place + size > file.length) throw new RangeError('a truncated ELF file')
      return {
        ...{ index, type, size, flags: number(8), alignment: number(48), name: file.readUInt32LE(at) },
        info: file.readUInt32LE(at + 44),
        link: file.readUInt32LE(at + 40),
        bytes: type === SHT_NOBITS ? Buffer.alloc(0) : file.subarray(place, place + size),
      }
    })
    const names = headers[file.readUInt16LE(62)]?.bytes ?? Buffer.alloc(0)
    this.sections = headers.map(({ link, ...header }) => ({ ...header, name: textAt(names, header.name) }))
    const table = headers.find(({ type }) => type === SHT_SYMTAB)
    this.#symbolTable = table?.bytes
    this.#symbolNames = headers[table?.link ?? 0]?.bytes ?? Buffer.alloc(0)
  }

  /** In the order of the file: relocations name them by index. Read anew each time. */
  symbols(): ElfSymbol[] {
    return recordsOf(this.#symbolTable, SYMBOL).map(record => {
      const info = record.readUInt8(4)
      return {
        name: textAt(this.#symbolNames, record.readUInt32LE(0)),
        ...{ type: info & 0xf, binding: info >> 4, section: record.readUInt16LE(6) },
        ...{ value: Number(record.readBigUInt64LE(8)), size: Number(record.readBigUInt64LE(16)) },
      }
    })
  }

  /** The bytes of the first section of that name. */
  bytesOf(name: string): Buffer | undefined {
    return this.sections.find(section => section.name === name)?.bytes
  }

  /** In the order of the file. */
  relocationsFor({ index }: Pick<ElfSection, 'index'>): ElfRelocation[] {
    return this.sections
      .filter(({ type, info }) => type === SHT_RELA && info === index)
      .flatMap(({ bytes }) => recordsOf(bytes, RELOCATION))
      .map(record => ({
        offset: Number(record.readBigUInt64LE(0)),
        ...{ type: record.readUInt32LE(8), symbol: record.readUInt32LE(12) },
        addend: record.readBigInt64LE(16),
      }))
  }
}

/** The whole records in a table. */
function recordsOf(table: Buffer | undefined, size: number): Buffer[] {
  if (table === undefined) return []
  return Array.from({ length: Math.floor(table.length / size) }, (_, index) =>
    table.subarray(index * size, (index + 1) * size),
  )
}

/** The text that begins there, up to its NUL. */
function textAt(texts: Buffer, offset: number): string {
  const end = texts.indexOf(0, offset)
  return texts.toString('utf8', offset, end < 0 ? texts.length : end)
}
