// SPDX-License-Identifier: MIT
import path from 'node:path'

/** A symbol that a module exports. */
export interface ExportedSymbol {
  readonly name: string
  /** The module's name in the kernel. */
  readonly module: string
  /** Of its type, as modprobe compares it: "0x2713391d"; undefined without CONFIG_MODVERSIONS. */
  readonly crc?: string
  /** Whether only modules with a GPL-compatible licence may use it. */
  readonly gplOnly: boolean
  /** The namespace that users must import (EXPORT_SYMBOL_NS). */
  readonly namespace?: string
}

/**
 * The symbols in a Module.symvers, which has a line of CRC, name, module, kind of export and namespace for
 * each, with tabs between them: Documentation/kbuild/modules.rst.
 */
export function exportedSymbols(table: string): ExportedSymbol[] {
  return table.split('\n').flatMap(line => {
    const [crc = '', name, module = '', kind = '', namespace] = line.split('\t')
    if (!name) return []
    return {
      name,
      module: path.basename(module).replaceAll('-', '_'),
      ...(Number(crc) !== 0 && { crc }),
      gplOnly: kind.includes('GPL'),
      ...(namespace && { namespace }),
    }
  })
}
