// SPDX-License-Identifier: MIT
/** Where gdb is to stop. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Kernel } from '../../kernel/kernel.ts'
import { ElfFile, SHF_COMPRESSED, STT_FUNC } from '../base/elf.ts'
import { UsageError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { SymbolFiles } from '../verdict/decode.ts'

/**
 * gdb would wait for ever for a function that is nowhere, and the run pass.
 * @param places functions and FILE:LINEs
 * @param modules names of those under test
 * @param folders of their sources
 * @throws UsageError for one that neither the modules nor the kernel have
 */
export function requireBreakpoints(
  places: readonly string[],
  modules: readonly string[],
  folders: readonly string[],
  symbols: SymbolFiles,
  { label }: Pick<Kernel, 'label'>,
): void {
  for (const place of places) requireLine(place, folders)
  const ofModules = modules.flatMap(name => symbols.module(name) ?? [])
  const { vmlinux } = symbols
  const hasKernel = vmlinux !== undefined && existsSync(vmlinux)
  const files = [...ofModules, ...(hasKernel ? [vmlinux] : [])].map(file => readFileSync(file))
  // Their names could be in what is compressed.
  if (files.some(hasCompressed)) return
  for (const place of places) {
    if (files.some(file => names(file, place))) continue
    const known = ofModules.flatMap(file => candidates(readFileSync(file), place))
    const near = nearest(place, known)
    throw new UsageError(
      [
        `--break: ${place} is in none of ${[...modules, label].join(', ')}`,
        near === undefined ? '' : `: did you mean ${near}?`,
        hasKernel ? '' : ` (${label} has no symbols of its own: debug kernels have them)`,
      ].join(''),
    )
  }
}

/** @throws UsageError for a line that no source of that name has */
function requireLine(place: string, folders: readonly string[]): void {
  const [, source = '', line] = /^(.*):(\d+)$/.exec(place) ?? []
  if (line === undefined) return
  const files = folders.flatMap(folder =>
    globSync(`**/${path.basename(source)}`, { cwd: folder }).map(file => path.join(folder, file)),
  )
  const longest = Math.max(
    ...files.map(file => readFileSync(file, 'utf8').replace(/\n$/, '').split('\n').length),
  )
  if (files.length > 0 && Number(line) > longest)
    throw new UsageError(`--break: ${place} is behind the end of ${source}, which has ${longest} lines`)
}

function hasCompressed(file: Buffer): boolean {
  return new ElfFile(file).sections.some(
    ({ name, flags }) => name.startsWith('.debug') && (flags & SHF_COMPRESSED) !== 0,
  )
}

/**
 * Among the texts of debug information, which has inlined functions too, and symbols. A text may be the end of
 * another one: linkers merge them.
 */
function names(file: Buffer, place: string): boolean {
  return file.includes(`${path.basename(place.replace(/:\d+$/, ''))}\0`)
}

/** Functions, and inlined ones among the names of other things: those that begin as the place does. */
function candidates(file: Buffer, place: string): string[] {
  const elf = new ElfFile(file)
  const functions = elf.symbols().filter(({ type }) => type === STT_FUNC)
  const texts = elf.bytesOf('.debug_str')?.toString('latin1').split('\0') ?? []
  return [
    ...functions.map(({ name }) => name),
    ...texts.filter(text => text.startsWith(place.slice(0, 3)) && /^\w+$/.test(text)),
  ]
}
