// SPDX-License-Identifier: MIT
/**
 * The section .modinfo of a module's ELF file: `name=value` strings, each with a final NUL (MODULE_INFO of
 * include/linux/moduleparam.h).
 */

/**
 * sh_name, sh_offset and sh_size of an Elf64_Shdr (elf.h); e_shoff, e_shentsize, e_shnum and e_shstrndx of an
 * Elf64_Ehdr.
 */
const SECTION = { name: 0, offset: 24, size: 32 }
const HEADER = { sections: 40, sectionSize: 58, sectionCount: 60, namesIndex: 62 }

/**
 * The values of each name (`alias`, `depends`, `license` ...), in the order of the file.
 * @throws RangeError for a file that is not 64-bit ELF, or is truncated
 */
export function moduleInfo(file: Buffer): ReadonlyMap<string, readonly string[]> {
  const ELFCLASS64 = 2
  if (file.toString('latin1', 0, 4) !== '\x7fELF' || file[4] !== ELFCLASS64)
    throw new RangeError('no 64-bit ELF file')
  const sections = Number(file.readBigUInt64LE(HEADER.sections))
  const sectionSize = file.readUInt16LE(HEADER.sectionSize)
  const section = (index: number) => {
    const at = sections + index * sectionSize
    const start = Number(file.readBigUInt64LE(at + SECTION.offset))
    return {
      name: file.readUInt32LE(at + SECTION.name),
      bytes: file.subarray(start, start + Number(file.readBigUInt64LE(at + SECTION.size))),
    }
  }
  const names = section(file.readUInt16LE(HEADER.namesIndex)).bytes
  const info = new Map<string, string[]>()
  for (let index = 0; index < file.readUInt16LE(HEADER.sectionCount); index++) {
    const { name, bytes } = section(index)
    if (names.toString('latin1', name, names.indexOf(0, name)) !== '.modinfo') continue
    for (const entry of bytes.toString('utf8').split('\0')) {
      const equals = entry.indexOf('=')
      if (equals < 0) continue
      const key = entry.slice(0, equals)
      info.set(key, [...(info.get(key) ?? []), entry.slice(equals + 1)])
    }
  }
  return info
}
