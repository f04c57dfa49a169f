// SPDX-License-Identifier: MIT
/** What has changed in a module's file: modinfo, symbols, sizes. */
import type { ExportedSymbol } from '../../../kernel/build/exported-symbols.ts'
import { type Change, changed, paired, unequal } from './changes.ts'
import type { ModuleFile, ModuleSizes } from './module-file.ts'

/** A module's file, and what the build has noted of its exports. */
export interface BuiltFile extends ModuleFile {
  readonly exports: readonly ExportedSymbol[]
}

export function fileChanges(module: string, was: BuiltFile, is: BuiltFile): Change[] {
  return [
    ...infoChanges(module, was.info, is.info),
    ...functionChanges(module, was, is),
    ...exportChanges(module, was.exports, is.exports),
    ...importChanges(module, was.imports, is.imports),
    ...sizeChanges(module, was.sizes, is.sizes),
  ]
}

/** Told, and no change of what the module does. */
const wordsOnly: readonly string[] = ['description', 'author', 'version', 'parm']
/** The words of modinfo for what has better ones. */
const infoNames: Readonly<Record<string, string>> = {
  depends: 'needs the modules',
  parm: 'description of a parameter',
  parmtype: 'type of the parameter',
}

type Info = ModuleFile['info']

function infoChanges(module: string, was: Info, is: Info): Change[] {
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])].sort()
  return names.flatMap(name => {
    const matters = !wordsOnly.includes(name)
    const about = `${module}: ${infoNames[name] ?? name}`
    const [before, after] = [was[name] ?? [], is[name] ?? []]
    // "name:type" and "name:description"
    if (name === 'parm' || name === 'parmtype') {
      const keyOf = (entry: string) => entry.split(':', 1)[0] ?? ''
      const textOf = (entry: string) => entry.slice(keyOf(entry).length + 1)
      // One that is gone or new is told as a parameter.
      return paired(before, after, keyOf).both.flatMap(([one, other]) =>
        changed('module', `${about} ${keyOf(one)}`, textOf(one), textOf(other), { matters }),
      )
    }
    // Two that are one now are no pair.
    if (before.length <= 1 && after.length <= 1) {
      // That it needs none is an empty list.
      const shown = ([value = '']: readonly string[]) =>
        (name === 'depends' ? value.replaceAll(',', ', ') : value) || undefined
      return changed('module', about, shown(before), shown(after), { matters })
    }
    const { gone, fresh } = unequal(before, after, value => value)
    return [
      ...gone.flatMap(value => changed('module', `${about} ${value}`, 'there', undefined, { matters })),
      ...fresh.flatMap(value => changed('module', `${about} ${value}`, undefined, 'there', { matters })),
    ]
  })
}

function functionChanges(module: string, was: ModuleFile, is: ModuleFile): Change[] {
  const there = (has: boolean) => (has ? 'there' : undefined)
  return [
    ...changed('module', `${module}: init function`, there(was.init), there(is.init)),
    ...changed('module', `${module}: exit function`, there(was.exit), there(is.exit), {
      text: `${module} ${is.exit ? 'can now be unloaded: it has an exit function' : 'can no longer be unloaded: it has no exit function'}`,
    }),
  ]
}

function exportChanges(
  module: string,
  was: readonly ExportedSymbol[],
  is: readonly ExportedSymbol[],
): Change[] {
  const about = ({ name }: ExportedSymbol) => `${module}: exported symbol ${name}`
  const licence = ({ gplOnly }: ExportedSymbol) => (gplOnly ? 'for GPL modules only' : 'for all modules')
  const { gone, fresh, both } = paired(was, is, ({ name }) => name)
  return [
    ...gone.flatMap(each => changed('symbol', about(each), licence(each), undefined)),
    ...fresh.flatMap(each => changed('symbol', about(each), undefined, licence(each))),
    ...both.flatMap(([before, after]) => [
      ...changed('symbol', about(after), licence(before), licence(after)),
      ...changed('symbol', `${about(after)}, namespace`, before.namespace, after.namespace),
      ...changed('symbol', `${about(after)}, CRC`, before.crc, after.crc, {
        text: `${about(after)}: its CRC changed, modules built for the other version do not load`,
      }),
    ]),
  ]
}

/** What it uses of others is no change of what it does: its loading tells whether all is there. */
function importChanges(module: string, was: readonly string[], is: readonly string[]): Change[] {
  const { gone, fresh } = paired(was, is, name => name)
  const [before, after] = [gone, fresh].map(names => names.join(', ') || undefined)
  const parts = [after && `now uses ${after}`, before && `no longer uses ${before}`].filter(Boolean)
  return changed('symbol', `${module}: imported symbols`, before, after, {
    matters: false,
    text: `${module} ${parts.join(', and ')}`,
  })
}

/** Bytes: the least growth that matters, if it doubles the size as well. */
const LARGE = 16 * 1024

function sizeChanges(module: string, was: ModuleSizes, is: ModuleSizes): Change[] {
  return (['text', 'rodata', 'data', 'bss'] as const).flatMap(part => {
    const [before, after] = [was[part], is[part]]
    const matters = after - before >= LARGE && after >= 2 * before
    return changed('size', `${module}: ${part}`, kibibytes(before), kibibytes(after), { matters })
  })
}

function kibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`
}
