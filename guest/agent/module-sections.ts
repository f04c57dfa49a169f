// SPDX-License-Identifier: MIT
/**
 * Where the code of modules was: of what an init function has allocated, or a module that is gone, kmemleak
 * knows only addresses.
 */
import fs from 'node:fs'
import path from 'node:path'
import { guestPaths } from './protocol.ts'

// Kept from before any test can replace them.
const { appendFileSync, existsSync, readdirSync, readFileSync } = fs

/** Sections with code. */
const code = /^\.(?:text|init\.text|exit\.text)/
/** No section is larger, in bytes. */
const LARGEST = 1n << 20n

/** Notes where the code of a module is that has been loaded, on kernels with kmemleak. */
export function noteSections(name: string): void {
  if (!existsSync(guestPaths.kmemleak)) return
  const folder = `/sys/module/${name}/sections`
  if (!existsSync(folder)) return
  const sections = readdirSync(folder, { encoding: 'utf8' }).filter(section => code.test(section))
  const lines = sections.map(
    section => `${name} ${section} ${readFileSync(path.join(folder, section), 'utf8').trim()}\n`,
  )
  appendFileSync(guestPaths.sections, lines.join(''))
}

/** What has been noted. */
export function notedSections(): string {
  return existsSync(guestPaths.sections) ? readFileSync(guestPaths.sections, 'utf8') : ''
}

/**
 * A report of kmemleak in which return addresses in noted sections are `SECTION+OFFSET/0x0 [MODULE]`. Where
 * several modules have had a place one after the other, it is nobody's.
 */
export function withSections(report: string, noted: string): string {
  const all = [...noted.matchAll(/^(\S+) (\S+) (0x[\da-f]+)$/gm)].map(
    ([, module = '', section = '', address = '0']) => ({ module, section, start: BigInt(address) }),
  )
  return report.replace(/^(\s+(?:\[<.*>\] )?)0x([\da-f]{16})$/gm, (line, before: string, digits: string) => {
    const address = BigInt(`0x${digits}`)
    const near = all.filter(({ start }) => start < address && address - start <= LARGEST)
    const nearest = near.reduce<bigint>((most, { start }) => (start > most ? start : most), 0n)
    const [own, ...others] = near.filter(({ start }) => start === nearest)
    const isOwn = others.every(({ module, section }) => module === own?.module && section === own.section)
    if (own === undefined || !isOwn) return line
    return `${before}${own.section}+0x${(address - nearest).toString(16)}/0x0 [${own.module}]`
  })
}
