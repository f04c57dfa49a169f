// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs'
import { runTool } from '../base/process.ts'
import type { Frame } from './splats.ts'

/** The files with the symbols of a kernel and its modules. */
export interface SymbolFiles {
  /** A module's .ko with debug information, by the module's name in the kernel. */
  module(name: string): string | undefined
  /** The kernel's own vmlinux, if there is one. */
  readonly vmlinux: string | undefined
}

const LIMIT = 20_000

interface Symbol {
  readonly section: string
  /** bigint, because kernel addresses exceed 2 ** 53. */
  readonly address: bigint
  readonly size: number
}

/**
 * Turns "function+offset/size [module]" into file and line of the source, by readelf and addr2line. Frames
 * without symbols get none: a report without lines is better than no report.
 */
export class Decoder {
  readonly #files: SymbolFiles
  readonly #symbols = new Map<string, Promise<Map<string, Symbol[]>>>()

  constructor(files: SymbolFiles) {
    this.#files = files
  }

  /**
   * The places of these frames: "faults.c:45", and "faults.c:45, inlined in faults.c:60" where functions are
   * inlined.
   */
  async places(frames: readonly Frame[]): Promise<(string | undefined)[]> {
    const places: (string | undefined)[] = frames.map(() => undefined)
    const byFile = Map.groupBy(frames.keys(), index => this.#fileOf(frames[index] as Frame) ?? '')
    for (const [file, indexes] of byFile) {
      if (!file) continue
      const found = await this.#placesIn(
        file,
        indexes.map(index => ({ frame: frames[index] as Frame, isReturn: index > 0 })),
      ).catch(() => [])
      for (const [n, index] of indexes.entries()) places[index] = found[n]
    }
    return places
  }

  /**
   * A text in which return addresses as ".text+0x12/0x0 [module]" are functions: "function+0x2/0x8 [module]", as the
   * kernel prints those of modules that are loaded.
   */
  async named(text: string): Promise<string> {
    const addresses = /(\.[\w.]+)\+0x([\da-f]+)\/0x0 \[(\w+)\]/g
    const functions = new Map<string, string>()
    for (const [place, section = '', digits = '0', module = ''] of text.matchAll(addresses)) {
      const file = this.#fileOf({ module })
      const known =
        file === undefined ? [] : [...(await this.#symbolsOf(file).catch(() => new Map<string, Symbol[]>()))]
      const offset = BigInt(`0x${digits}`)
      // The call is the last instruction of some functions, and the address then that of the next one.
      const isIn = (symbol: Symbol) =>
        symbol.section === section &&
        symbol.address < offset &&
        offset <= symbol.address + BigInt(symbol.size)
      for (const [name, symbols] of known) {
        const symbol = symbols.find(isIn)
        if (symbol)
          functions.set(
            place,
            `${name}+0x${(offset - symbol.address).toString(16)}/0x${symbol.size.toString(16)} [${module}]`,
          )
      }
    }
    return text.replaceAll(addresses, place => functions.get(place) ?? place)
  }

  #fileOf({ module }: Pick<Frame, 'module'>): string | undefined {
    const file = module === undefined ? this.#files.vmlinux : this.#files.module(module)
    return file !== undefined && existsSync(file) ? file : undefined
  }

  #symbolsOf(file: string): Promise<Map<string, Symbol[]>> {
    const symbols = this.#symbols.get(file) ?? readSymbols(file)
    this.#symbols.set(file, symbols)
    return symbols
  }

  async #placesIn(
    file: string,
    wanted: readonly { frame: Frame; isReturn: boolean }[],
  ): Promise<(string | undefined)[]> {
    const known = await this.#symbolsOf(file)
    const places: (string | undefined)[] = wanted.map(() => undefined)
    const asked = wanted.flatMap(({ frame, isReturn }, index) => {
      const candidates = known.get(frame.function) ?? []
      // Static functions of several files can have one name: the size tells which; the kernel rounds it up to
      // the next symbol.
      const symbol = candidates.toSorted(
        (a, b) => Math.abs(a.size - frame.size) - Math.abs(b.size - frame.size),
      )[0]
      // A return address is that of the instruction after the call, which may belong to the next line.
      return symbol
        ? [
            {
              index,
              section: symbol.section,
              address: symbol.address + BigInt(frame.offset - (isReturn ? 1 : 0)),
            },
          ]
        : []
    })
    for (const [section, inSection] of Map.groupBy(asked, ({ section }) => section)) {
      const { stdout } = await runTool(
        'addr2line',
        [
          ...['-e', file, '-i', '-a'],
          ...(section ? ['-j', section] : []),
          ...inSection.map(({ address }) => `0x${address.toString(16)}`),
        ],
        { timeout: LIMIT },
      )
      for (const [n, answer] of stdout
        .split(/^0x[\da-f]+\n/m)
        .slice(1)
        .entries()) {
        const lines = answer.split('\n').filter(line => line && !line.startsWith('??'))
        const place = ownPlaces(lines.map(sourcePlace)).join(', inlined in ')
        const { index } = inSection[n] ?? {}
        if (place && index !== undefined) places[index] = place
      }
    }
    return places
  }
}

/** "/a/b/linux-6.1/net/core/dev.c:12 (discriminator 3)" without the tree's path and the discriminator. */
function sourcePlace(line: string): string {
  return line
    .replace(/ \(discriminator \d+\)$/, '')
    .replace(/^.*?\/builds\/[\da-f]+\/linux\//, '') // kernels that this project builds
    .replace(/^.*\/(?:linux-[^/]*|build)\//, '')
    .replace(/^\.?\/+/, '')
}

/** Of functions inlined into each other, those outside the kernel's headers, if there are any. */
function ownPlaces(places: readonly string[]): readonly string[] {
  const own = places.filter(place => !/^(?:arch\/\w+\/)?include\//.test(place))
  return own.length > 0 ? own : places
}

/** The functions of an ELF file, by name. readelf, because nm does not print the section. */
async function readSymbols(file: string): Promise<Map<string, Symbol[]>> {
  const sections = new Map<string, string>()
  const isRelocatable = file.endsWith('.ko')
  const headers = await runTool('readelf', ['-SW', file], { timeout: LIMIT })
  for (const [, index = '', name = ''] of headers.stdout.matchAll(/^\s*\[\s*(\d+)\] (\S+)/gm))
    sections.set(index, name)
  const { stdout } = await runTool('readelf', ['-sW', file], { timeout: LIMIT })
  const symbols = new Map<string, Symbol[]>()
  for (const line of stdout.split('\n')) {
    const match = /^\s*\d+: ([\da-f]+)\s+(\d+) FUNC\s+\S+\s+\S+\s+(\d+) (\S+)/.exec(line)
    if (!match) continue
    const [, address = '', size = '', section = '', name = ''] = match
    const symbol = {
      // In a relocatable file an address is an offset into its section, which addr2line must be told.
      section: isRelocatable ? (sections.get(section) ?? '') : '',
      address: BigInt(`0x${address}`),
      size: Number(size),
    }
    symbols.set(name, [...(symbols.get(name) ?? []), symbol])
  }
  return symbols
}
