// SPDX-License-Identifier: MIT
import { ElfFile } from '../harness/base/elf.ts'

/**
 * The values of each name (`alias`, `depends`, `license` ...) in a module's section .modinfo, in its order:
 * `name=value` strings, each with a final NUL (MODULE_INFO of include/linux/moduleparam.h).
 * @throws RangeError for a file that is not 64-bit ELF, or is truncated
 */
export function moduleInfo(file: Buffer): ReadonlyMap<string, readonly string[]> {
  return infoIn(new ElfFile(file))
}

/** As {@link moduleInfo}. */
export function infoIn(module: ElfFile): ReadonlyMap<string, readonly string[]> {
  const info = new Map<string, string[]>()
  for (const entry of (module.bytesOf('.modinfo') ?? Buffer.alloc(0)).toString('utf8').split('\0')) {
    const equals = entry.indexOf('=')
    if (equals < 0) continue
    const key = entry.slice(0, equals)
    info.set(key, [...(info.get(key) ?? []), entry.slice(equals + 1)])
  }
  return info
}
