import {
  asked,
  beginning,
  body,
  cut,
  endOfTrace,
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
  /** Who printed it ("T123", "C0"), where the kernel says it (CONFIG_PRINTK_CALLER). */
  readonly caller?: string | undefined
}

/** A function in a stack trace: `function+offset/size [module]`. */
export interface Frame {
  readonly function: string
  readonly offset: number
  readonly size: number
  readonly module: string | undefined
  /** False for what merely lay on the stack ("? function+..."). */
  readonly certain: boolean
}

/** A report of the kernel's that something is broken. */
export interface Splat {
  /** A kind's name, as in the table. */
  readonly kind: string
  /** What it says, in a line. */
  readonly title: string
  /** The sequence number of its first record. */
  readonly sequence: number
  /** Its text, line by line. */
  readonly lines: readonly string[]
  /** The stack, from where it broke outwards; of several stacks the first. */
  readonly frames: readonly Frame[]
  /** Equal for reports of the same defect: kind, title and place without numbers that change from time to time. */
  readonly key: string
  /** The taint flags (bits) that it explains. */
  readonly taint: readonly number[]
}

/** More lines than any report worth reading has. */
const LONGEST = 400
/** A report's head: so many lines, and microseconds, may lie between two lines that name the same one. */
const HEAD_LINES = 12
const HEAD_TIME = 2_000_000
/** So many microseconds before a stack trace a line may be that says what it is about. */
const WORDS_TIME = 100_000
/** So many lines without a stack trace are a report without one. */
const TRACELESS = 60

/** A report as it comes in. */
interface Report {
  kind: Kind | undefined
  title: string
  readonly first: LogLine
  last: LogLine
  readonly lines: string[]
  traced: boolean
  ended: boolean
  /** Nobody's fault: swallows what belongs to it. */
  readonly innocent: boolean
}

/**
 * Finds the kernel's reports in its log, line by line as they come. What several processors or tasks print at the same
 * time is told apart where the kernel names the caller of each line.
 */
export class SplatScanner {
  readonly #splats: Splat[] = []
  readonly #open = new Map<string, Report>()
  readonly #before = new Map<string, LogLine>()
  /** The last report that has ended: what says that the kernel dies of it is part of it. */
  #latest: { report: Report; index: number } | undefined

  push(line: LogLine): void {
    const caller = line.caller ?? ''
    const report = this.#open.get(caller)
    const begins = beginning.test(line.text)
    const kind = begins ? kinds.find(kind => kind.pattern.test(line.text)) : undefined
    if (!report) {
      if (kind) this.#begin(line, kind)
      else if (!begins) this.#remember(caller, line)
      else if (cut.test(line.text) || rule.test(line.text)) this.#begin(line, undefined)
      else if (asked.test(line.text)) this.#begin(line, undefined, true)
      else this.#beginUnknown(line)
      return
    }
    if (this.#belongs(report, line, kind)) return this.#append(report, line, kind)
    this.#end(caller)
    // What tells that there is no more of it may be the beginning of the next.
    this.push(line)
  }

  /**
   * The reports that begin before this sequence number and have not been asked for yet; those that are still coming
   * in are taken as they are.
   */
  take(before = Infinity): Splat[] {
    for (const [caller, report] of this.#open) if (report.first.sequence < before) this.#end(caller)
    const taken = this.#splats.filter(splat => splat.sequence < before)
    this.#splats.splice(0, this.#splats.length, ...this.#splats.filter(splat => splat.sequence >= before))
    this.#latest = undefined
    return taken
  }

  /** The line before a stack trace that nothing else announces is its title. */
  #remember(caller: string, line: LogLine): void {
    if (!body.test(line.text)) this.#before.set(caller, line)
  }

  #belongs(report: Report, line: LogLine, kind: Kind | undefined): boolean {
    const { text } = line
    if (report.lines.length >= LONGEST) return false
    if (report.innocent) return !kind && !cut.test(text) && (body.test(text) || asked.test(text))
    // After the end of the trace there are only registers, as an oops repeats them.
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
    report.lines.push(line.text)
    report.last = line
    if (kind && !report.innocent && rankOf(kind) > rankOf(report.kind)) {
      report.kind = kind
      report.title = titleOf(kind, line.text)
    }
    // The frame of a register dump is where it happened, also where no trace follows.
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

  /** A stack trace without a word that we know: the line before its own is its title. */
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
    // A rule is only a line; "cut here" is a report, whatever it is about.
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

/** All reports in a log that is there as a whole. */
export function findSplats(lines: readonly LogLine[]): Splat[] {
  const scanner = new SplatScanner()
  for (const line of lines) scanner.push(line)
  return scanner.take()
}

/** A report, and how many others say the same. */
export interface Counted {
  readonly splat: Splat
  readonly count: number
}

/** The same reports once each, in the order of their first. */
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

/** Where the modules under test were built is no part of what is wrong with them. */
function titleOf(kind: Kind, text: string): string {
  const match = kind.pattern.exec(text)
  return (match?.[1] ?? text).replace(/\S*\/drafts\/modules-[\da-f]+\/(?:[^/\s]+\/)?build\//, '').trim()
}

/** A WARN's own words stand between "cut here" and the line with its place. */
function warningOf(lines: readonly string[], title: string): string {
  const from = cut.test(lines[0] ?? '') ? 1 : 0
  const place = lines.findIndex(line => line.endsWith(title))
  const words = lines.slice(from, Math.max(from, place)).join(' ').trim()
  const where = title.replace(/^CPU: \d+ PID: \d+ at /, '').replace(/, CPU#\d+: .*/, '')
  return words ? `${words} (${where})` : where
}

const frame =
  /^(?:RIP: (?:[\da-f]+:)?| +|\[<[\da-f]+>\] )?(\? )?(?:\[<[\da-f]+>\] )?(?:\(.*?\) )?([\w.$]+)\+0x([\da-f]+)\/0x([\da-f]+)(?: \[([\w-]+)(?: [\da-f]+)?\])?/

/** On the stack lay a number that could be an address in the kernel, and is in none of its functions. */
const isNoFunction = /^\s+\? 0x/
const isRegister = /^(?:\s*<|Code: |R\w\w: |[FC]S: |CR\d: |PKRU: )/

/** Where it happened and the first stack trace. A user's registers after it ("RIP: 0033:...") end it. */
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
    // Those of KFENCE and kmemleak have no head; lockdep's chains of locks are further in.
    if (!isPlace && !started && !/^ (?: {3})?(?:\[<[\da-f]+>\] )?\w[\w.]*\+0x/.test(line)) continue
    if (!isPlace) started = true
    // A user's registers; those of an interrupted kernel are part of the stack.
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

/** Where the locks were taken that lockdep lists: " #0: ffffffffa00036a8 (mutex){+.+.}-{3:3}, at: function+0x12/0x14". */
function locksHeld(lines: readonly string[]): Frame[] {
  return lines.flatMap(line => frameOf(/^\s*#\d+: .*, at: (.*)$/.exec(line)?.[1] ?? '') ?? [])
}

/** Without what differs from one time to the next: addresses, processors, tasks, times. */
function keyOf(kind: string, title: string, frames: readonly Frame[]): string {
  const words = title
    .replace(/0x[\da-f]+|\b[\da-f]{8,}\b/g, '#')
    .replace(/\[[^\]]*:\d+\]/g, '#')
    .replace(/\d+/g, '#')
  const places = frames.filter(({ certain }) => certain).slice(0, 3)
  return [kind, words, ...places.map(place => `${place.function} ${place.module ?? ''}`)].join('|')
}
