// SPDX-License-Identifier: MIT
import {
  asked,
  beginning,
  body,
  cut,
  endOfTrace,
  forcing,
  type Kind,
  kinds,
  rule,
  traceHead,
  unknownKind,
} from './kinds.ts'

/** A record of the kernel log, or a line of a console. */
export interface LogLine {
  readonly sequence: number
  /** Microseconds since boot. */
  readonly time: number
  readonly text: string
  /** Who printed it ("T123", "C0"), with CONFIG_PRINTK_CALLER. */
  readonly caller?: string | undefined
  /** 0 (emergency) to 7 (debug), if the text tells. */
  readonly level?: number | undefined
}

/** A function in a stack trace: `function+offset/size [module]`. */
export interface Frame {
  readonly function: string
  readonly offset: number
  readonly size: number
  readonly module: string | undefined
  /** False for an address that only lies on the stack ("? function+..."). */
  readonly certain: boolean
}

/** A kernel report that something is broken. */
export interface Splat {
  /** The name of its kind (kinds.ts). */
  readonly kind: string
  /** What it says, in one line. */
  readonly title: string
  /** The sequence number of its first record. */
  readonly sequence: number
  /** Its text, line by line. */
  readonly lines: readonly string[]
  /** The first stack, innermost frame first. */
  readonly frames: readonly Frame[]
  /** Equal for reports of the same defect: kind, title and place, without numbers that vary. */
  readonly key: string
  /** The taint flags (bits) that it explains. */
  readonly taint: readonly number[]
}

/** Lines after which a report is cut. */
const LONGEST = 400
/** The most lines, and microseconds, between two lines that name one report. */
const HEAD_LINES = 12
const HEAD_TIME = 2_000_000
/** The most microseconds between a stack trace and the line that is its title. */
const WORDS_TIME = 100_000
/** The most microseconds between an allocation that is made to fail and what is told of it. */
const FORCED_TIME = 1_000_000
/** After so many lines without a stack trace a report has none. */
const TRACELESS = 60

/** A report that is being read. */
interface Report {
  kind: Kind | undefined
  title: string
  readonly first: LogLine
  last: LogLine
  readonly lines: string[]
  traced: boolean
  ended: boolean
  /** A requested trace: its lines are dropped. */
  readonly innocent: boolean
}

/**
 * Finds the kernel's reports in its log, line by line. Lines that several processors or tasks print at the
 * same time are told apart if the kernel names their callers.
 */
export class SplatScanner {
  readonly #splats: Splat[] = []
  readonly #open = new Map<string, Report>()
  readonly #before = new Map<string, LogLine>()
  /** When an allocation was last made to fail. */
  readonly #forced = new Map<string, number>()
  /** The last ended report: a line that says that the kernel dies of it belongs to it. */
  #latest: { report: Report; index: number } | undefined

  push(line: LogLine): void {
    const caller = line.caller ?? ''
    const report = this.#open.get(caller)
    const begins = beginning.test(line.text)
    const kind = begins ? kinds.find(kind => kind.pattern.test(line.text)) : undefined
    if (!report) {
      if (forcing.test(line.text)) this.#forced.set(caller, line.time)
      if (kind) this.#begin(line, kind, this.#isForced(caller, line, kind))
      else if (!begins) this.#remember(caller, line)
      else if (cut.test(line.text) || rule.test(line.text)) this.#begin(line, undefined)
      else if (asked.test(line.text)) this.#begin(line, undefined, true)
      else this.#beginUnknown(line)
      return
    }
    if (this.#belongs(report, line, kind)) return this.#append(report, line, kind)
    this.#end(caller)
    // The line that shows the end of this report may begin the next.
    this.push(line)
  }

  /**
   * The reports that begin before this sequence number and have not been taken yet; unfinished ones as they
   * are.
   */
  take(before = Infinity): Splat[] {
    for (const [caller, report] of this.#open) if (report.first.sequence < before) this.#end(caller)
    const taken = this.#splats.filter(splat => splat.sequence < before)
    this.#splats.splice(0, this.#splats.length, ...this.#splats.filter(splat => splat.sequence >= before))
    this.#latest = undefined
    return taken
  }

  /** Whether it tells only of a failure that somebody has asked for: of the loader's allocations, for instance. */
  #isForced(caller: string, line: LogLine, kind: Kind): boolean {
    const forced = this.#forced.get(caller)
    return forced !== undefined && line.time - forced < FORCED_TIME && kind.forced?.test(line.text) === true
  }

  /** Remembers a line as the title of an unannounced stack trace. */
  #remember(caller: string, line: LogLine): void {
    if (!body.test(line.text)) this.#before.set(caller, line)
  }

  #belongs(report: Report, line: LogLine, kind: Kind | undefined): boolean {
    const { text } = line
    // Of any length: what follows a cut would be a stack trace that nobody has asked for.
    if (report.innocent) return !kind && !cut.test(text) && (body.test(text) || asked.test(text))
    if (report.lines.length >= LONGEST) return false
    // After the end of the trace only registers follow, which an oops prints again.
    if (report.ended) return !kind && !cut.test(text) && !rule.test(text) && body.test(text)
    if (kind || cut.test(text)) {
      const near =
        report.lines.length < HEAD_LINES && line.time - report.first.time < HEAD_TIME && !report.traced
      return (near && !(report.kind && kind === report.kind)) || report.kind?.until?.test(text) === true
    }
    if (rule.test(text)) return !report.traced || report.kind?.until === rule
    if (report.kind?.until) return true
    return report.traced ? body.test(text) : report.lines.length < TRACELESS
  }

  #append(report: Report, line: LogLine, kind: Kind | undefined): void {
    report.last = line
    if (report.innocent) return
    report.lines.push(line.text)
    if (kind && rankOf(kind) > rankOf(report.kind)) {
      report.kind = kind
      report.title = titleOf(kind, line.text)
    }
    // "RIP:" of a register dump is where it happened, even if no trace follows.
    if (traceHead.test(line.text) || line.text.startsWith('RIP: ')) report.traced = true
    if (endOfTrace.test(line.text)) report.ended = true
    else if (report.traced && report.kind?.until?.test(line.text)) this.#end(line.caller ?? '')
  }

  #begin(line: LogLine, kind: Kind | undefined, innocent = false): void {
    const { text } = line
    if (kind?.follows && this.#latest && kind.follows.test(text)) {
      const splat = this.#splats[this.#latest.index]
      if (splat && line.time - this.#latest.report.last.time < HEAD_TIME) {
        this.#splats[this.#latest.index] = { ...splat, lines: [...splat.lines, text] }
        return
      }
    }
    const title = kind ? titleOf(kind, text) : ''
    const caller = line.caller ?? ''
    this.#open.set(caller, {
      kind,
      title,
      first: line,
      last: line,
      lines: [text],
      traced: false,
      ended: false,
      innocent,
    })
    this.#before.delete(caller)
    if (kind?.line) this.#end(caller)
  }

  /** A stack trace without a known beginning: its title is the line before. */
  #beginUnknown(line: LogLine): void {
    const caller = line.caller ?? ''
    const before = this.#before.get(caller)
    const told = before && line.time - before.time < WORDS_TIME ? before.text : ''
    this.#begin(line, unknownKind)
    const report = this.#open.get(caller)
    if (!report) return
    report.title = told || 'a stack trace'
    report.traced = true
    if (told) report.lines.unshift(told)
  }

  #end(caller: string): void {
    const report = this.#open.get(caller)
    if (!report) return
    this.#open.delete(caller)
    if (report.innocent) return
    // A "====" line alone is no report; "cut here" is one, whatever follows.
    if (!report.kind && !cut.test(report.lines[0] ?? '')) return
    const kind = report.kind ?? unknownKind
    const lines =
      rule.test(report.lines[0] ?? '') && kind.until !== rule ? report.lines.slice(1) : report.lines
    const frames = framesOf(lines)
    const title =
      report.kind?.name === 'WARN' ? warningOf(lines, report.title) : report.title || (lines[1] ?? '')
    this.#splats.push({
      kind: kind.name,
      title,
      sequence: report.first.sequence,
      lines,
      frames,
      key: keyOf(kind.name, title, frames),
      taint: kind.taint ?? [],
    })
    this.#latest = { report, index: this.#splats.length - 1 }
  }
}

/** All reports in a complete log. */
export function findSplats(lines: readonly LogLine[]): Splat[] {
  const scanner = new SplatScanner()
  for (const line of lines) scanner.push(line)
  return scanner.take()
}

/** A report, and how often it came. */
export interface Counted {
  readonly splat: Splat
  readonly count: number
}

/** Each distinct report once, in order of first occurrence. */
export function countSplats(splats: readonly Splat[]): Counted[] {
  const counted = new Map<string, Counted>()
  for (const splat of splats) {
    const known = counted.get(splat.key)
    counted.set(splat.key, { splat: known?.splat ?? splat, count: (known?.count ?? 0) + 1 })
  }
  return [...counted.values()]
}

function rankOf(kind: Kind | undefined): number {
  return kind ? (kind.rank ?? 2) : -1
}

/** A report's title, without the folder in which the modules were built. */
function titleOf(kind: Kind, text: string): string {
  const match = kind.pattern.exec(text)
  return (match?.[1] ?? text).replace(/\S*\/drafts\/modules-[\da-f]+\/(?:[^/\s]+\/)?build\//, '').trim()
}

/** A WARN's message is between "cut here" and the line with its place. */
function warningOf(lines: readonly string[], title: string): string {
  const from = cut.test(lines[0] ?? '') ? 1 : 0
  const place = lines.findIndex(line => line.endsWith(title))
  const words = lines.slice(from, Math.max(from, place)).join(' ').trim()
  const where = title.replace(/^CPU: \d+ PID: \d+ at /, '').replace(/, CPU#\d+: .*/, '')
  return words ? `${words} (${where})` : where
}

const frame =
  /^(?:RIP: (?:[\da-f]+:)?| +|\[<[\da-f]+>\] )?(\? )?(?:\[<[\da-f]+>\] )?(?:\(.*?\) )?([\w.$]+)\+0x([\da-f]+)\/0x([\da-f]+)(?: \[([\w-]+)(?: [\da-f]+)?\])?/

/** A number on the stack that looks like a kernel address, but is in no function. */
const isNoFunction = /^\s+\? 0x/
const isRegister = /^(?:\s*<|Code: |R\w\w: |[FC]S: |CR\d: |PKRU: )/

/** The place and the first stack trace, up to the registers of user space ("RIP: 0033:..."). */
function framesOf(lines: readonly string[]): Frame[] {
  const frames: Frame[] = []
  let started = false
  for (const line of lines) {
    const isHead = traceHead.test(line)
    if (isHead && started) break
    if (isHead) {
      started = true
      continue
    }
    const isPlace = /^RIP: /.test(line)
    // Traces of KFENCE and kmemleak have no head line; lockdep's chains of locks are indented further.
    if (!isPlace && !started && !/^ (?: {3})?(?:\[<[\da-f]+>\] )?\w[\w.]*\+0x/.test(line)) continue
    if (!isPlace) started = true
    // Registers of user space; those of an interrupted kernel are part of the stack.
    if (started && /^RIP: 0033:/.test(line)) break
    const found = isPlace || /^\s/.test(line) ? frameOf(line) : undefined
    if (found) frames.push(found)
    else if (started && frames.length > 0 && !isRegister.test(line) && !isNoFunction.test(line)) break
  }
  return frames.length > 0 ? frames : locksHeld(lines)
}

function frameOf(text: string): Frame | undefined {
  const match = frame.exec(text)
  if (!match) return undefined
  const [, doubt, name = '', offset = '0', size = '0', module] = match
  return {
    function: name,
    offset: Number.parseInt(offset, 16),
    size: Number.parseInt(size, 16),
    module,
    certain: doubt === undefined,
  }
}

/**
 * Where the held locks that lockdep lists were taken: " #0: ffffffffa00036a8 (mutex){+.+.}-{3:3}, at:
 * function+0x12/0x14".
 */
function locksHeld(lines: readonly string[]): Frame[] {
  return lines.flatMap(line => frameOf(/^\s*#\d+: .*, at: (.*)$/.exec(line)?.[1] ?? '') ?? [])
}

/** A report's key, without what varies: addresses, processors, tasks, times. */
function keyOf(kind: string, title: string, frames: readonly Frame[]): string {
  const words = title
    .replace(/0x[\da-f]+|\b[\da-f]{8,}\b/g, '#')
    .replace(/\[[^\]]*:\d+\]/g, '#')
    .replace(/\d+/g, '#')
  const all = frames.filter(({ certain }) => certain)
  // The innermost frames of an allocation are the allocator's, for all of them.
  const inModule = kind === 'kmemleak' ? all.findIndex(({ module }) => module !== undefined) : 0
  const places = all.slice(Math.max(0, inModule), Math.max(0, inModule) + 3)
  return [kind, words, ...places.map(place => `${place.function} ${place.module ?? ''}`)].join('|')
}
