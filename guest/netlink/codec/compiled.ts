// SPDX-License-Identifier: MIT
/**
 * Decoders compiled for frequent sequences of attributes: the messages of a dump mostly hold the same
 * attributes in the same order. A compiled decoder checks that the bytes are laid out in its way, reads all
 * values, and makes the object with all its properties at once, which is cheaper than to look up names and
 * add properties one by one (docs/measurements.md, Netlink client). All else is decoded in the general way;
 * so is everything where no code can be compiled (node --disallow-code-generation-from-strings).
 */
import { Attribute } from './attribute.ts'
import { NLA_HDRLEN, NLA_TYPE_MASK } from './constants.ts'
import { align, isLittleEndian, readU16 } from './integers.ts'
import type { Field, Fixed, Value } from './value.ts'

type Decoded = Record<string, unknown>
/** Reads attributes in its layout; undefined for others. */
type Decoder = (buffer: Buffer, start: number, end: number) => Decoded | undefined

/** General decodings before anything is learnt: most sets are read a few times only. */
const SLOW_START = 32
/** How often a sequence has to come before compiling it pays. */
const OFTEN = 8
/** Most decoders for a set: they are tried one after the other, so each slows the others a little. */
const KEPT = 4
const MADE = 32
/** Most attributes in a sequence. */
const LONGEST = 100

/** The sequences in which the attributes of a set come, and their decoders. */
export class Sequences {
  readonly #field: (type: number) => Field | undefined
  /** The last one that matched is first. */
  readonly #decoders: Decoder[] = []
  #seen = 0
  #made = 0
  #candidate: readonly number[] = []
  #times = 0

  constructor(field: (type: number) => Field | undefined) {
    this.#field = field
  }

  /**
   * The attributes from `start` to `end` if they come in a known sequence. @throws MalformedError without a
   * path
   */
  decode(buffer: Buffer, start: number, end: number): Decoded | undefined {
    const decoders = this.#decoders
    for (let i = 0; i < decoders.length; i++) {
      const decoder = decoders[i] as Decoder
      const decoded = decoder(buffer, start, end)
      if (decoded === undefined) continue
      if (i > 0) {
        decoders.splice(i, 1)
        decoders.unshift(decoder)
      }
      return decoded
    }
    return undefined
  }

  /** Counts a sequence of valid attributes that was decoded in the general way. */
  learn(buffer: Buffer, start: number, end: number): void {
    if (this.#made === MADE || ++this.#seen < SLOW_START) return
    const sequence: number[] = []
    for (let offset = start; offset < end; offset += align(readU16(buffer, offset)))
      if (sequence.push(readU16(buffer, offset + 2)) > LONGEST) return
    const { length } = sequence
    if (length !== this.#candidate.length || sequence.some((type, i) => type !== this.#candidate[i])) {
      this.#candidate = sequence
      this.#times = 0
    }
    if (++this.#times < OFTEN) return
    this.#times = 0
    this.#made++
    const decoder = compileSequence(sequence, this.#field)
    if (decoder === undefined) return
    this.#decoders.unshift(decoder)
    if (this.#decoders.length > KEPT) this.#decoders.pop()
  }
}

/**
 * Undefined for sequences in which an attribute is not one property of its own, or where no code can be
 * compiled.
 */
function compileSequence(
  sequence: readonly number[],
  fieldOf: (type: number) => Field | undefined,
): Decoder | undefined {
  const fields = sequence.map(type => fieldOf(type & NLA_TYPE_MASK))
  const names = fields.flatMap(field => (field === undefined || field.value.ignored ? [] : field.name))
  if (new Set(names).size !== names.length || fields.some(field => field && needsOthers(field.value)))
    return undefined

  const scope = new Scope()
  const lines: string[] = ['let n=0']
  const properties: string[] = []
  const unknown: string[] = []
  // the next attribute begins at the variable `o` plus this
  let known = 0
  for (const [i, type] of sequence.entries()) {
    const field = fields[i]
    const at = (offset: number) => `b[o+${known + offset}]`
    if (field !== undefined && isExact(field.value)) {
      const length = NLA_HDRLEN + field.value.size
      const header = `${at(0)}|${at(1)}<<8|${at(2)}<<16|${at(3)}<<24`
      lines.push(
        `if(o+${known + length}>end||(${header})!==${length | (type << 16)})return`,
        `const v${i}=${scope.get(field.value, 'o', known + NLA_HDRLEN)}`,
      )
      properties.push(`${JSON.stringify(field.name)}:v${i}`)
      known += align(length)
      continue
    }
    if (known > 0) lines.push(`o+=${known}`)
    known = 0
    lines.push(
      `n=${at(0)}|${at(1)}<<8`,
      `if((${at(2)}|${at(3)}<<8)!==${type}||n<${NLA_HDRLEN}||n>end-o)return`,
    )
    if (field === undefined) {
      lines.push(`const v${i}=new ${scope.name(Attribute)}(b,o,o+n)`)
      unknown.push(`v${i}`)
    } else if (!field.value.ignored) {
      lines.push(`const v${i}=${scope.name(field.value)}.read(b,o+${NLA_HDRLEN},o+n)`)
      properties.push(`${JSON.stringify(field.name)}:v${i}`)
    }
    lines.push('o+=(n+3)&~3')
  }
  if (unknown.length > 0) properties.push(`unknown:[${unknown.join()}]`)
  // the padding of the last one may be missing
  lines.push(`return o+${known}<end?undefined:{${properties.join()}}`)
  return scope.compile<Decoder>('b,o,end', lines)
}

/** Whether an attribute is not one property of its own, read from its own bytes only. */
function needsOthers(value: Value<unknown>): boolean {
  return value.repeats === true || value.depends === true || value.read.length > 3
}

function isExact(value: Value<unknown>): value is Fixed<unknown> {
  return value.exact === true && value.ignored !== true
}

/** A field of a struct, at its offset. */
export interface StructField {
  readonly name: string
  readonly value: Fixed<unknown>
  readonly offset: number
}

/**
 * A reader of the struct at an offset, as an object of its fields; undefined where no code can be compiled.
 */
export function compileStruct(
  fields: readonly StructField[],
): ((buffer: Buffer, start: number) => Decoded) | undefined {
  const scope = new Scope()
  const properties = fields.map(
    ({ name, value, offset }) => `${JSON.stringify(name)}:${scope.get(value, 'o', offset)}`,
  )
  return scope.compile('b,o', [`return {${properties.join()}}`])
}

/** The objects that compiled code uses, by name. */
class Scope {
  readonly #names = new Map<unknown, string>()

  name(used: unknown): string {
    const name = this.#names.get(used) ?? `c${this.#names.size}`
    this.#names.set(used, name)
    return name
  }

  /** The value at `variable` + `offset` in the buffer `b`. */
  get(value: Fixed<unknown>, variable: string, offset: number): string {
    return (
      value.source?.(i => `b[${variable}+${offset + i}]`) ??
      `${this.name(value)}.get(b,${variable}+${offset})`
    )
  }

  compile<F>(parameters: string, lines: readonly string[]): F | undefined {
    // the source above is for little-endian machines
    if (!isLittleEndian) return undefined
    const code = `return (${parameters})=>{${lines.join(';')}}`
    try {
      return new Function(...this.#names.values(), code)(...this.#names.keys())
    } catch (error) {
      if (error instanceof EvalError) return undefined
      throw error
    }
  }
}
