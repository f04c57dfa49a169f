// SPDX-License-Identifier: MIT
/** What the player of sequences has said, and what is to be learnt from that and the kernel log. */
import type { Step } from '../../../guest/testing/probe/sequence.ts'
import { logMark, type PlayerLine } from '../../../guest/testing/probe/sequence-player-lines.ts'
import { type HarnessError, MachineryError } from '../../base/errors.ts'
import { lastLines } from '../../base/process.ts'
import type { KernelLogRecord } from '../../guest/kernel-log.ts'
import { linesOfRecord } from '../../verdict/log-text.ts'
import { findSplats } from '../../verdict/splats.ts'

/** What a sequence has broken. */
export interface Breakage {
  /** Equal for breakages of the same kind. */
  readonly key: string
  /** In one line. */
  readonly reason: string
  /** The sequence, from 0 on. */
  readonly sequence: number
  /** Its steps, up to the one that broke it as far as that is known. */
  readonly steps: readonly Step[]
  /** All sequences before it in the same guest. */
  readonly before: readonly (readonly Step[])[]
  /** Only kmemleak sees it. */
  readonly isLeak: boolean
}

/** Milliseconds without a new line of the player: every request is answered within 5 s, or given up. */
export const SILENCE = 60_000

/** What the player says, and how it ends. */
export class PlayerRecord {
  /** Its exit status, or that it has said nothing for too long. */
  exit: number | 'silent' | undefined
  #output = ''
  #errors = ''

  /** Takes output. */
  add(stream: 'stdout' | 'stderr', data: Buffer): void {
    if (stream === 'stdout') this.#output += data
    else this.#errors += data
  }

  breakage(
    label: string,
    records: readonly KernelLogRecord[],
    lost: HarnessError | undefined,
  ): Breakage | undefined {
    const lines = this.#output
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line) as PlayerLine)
    const played = lines.flatMap(line => ('steps' in line ? [line.steps] : []))
    const reported = firstReport(records)
    if (reported) return breakageOf(reported, played, reported.sequence, reachedIn(lines, reported.sequence))
    const last = played.length - 1
    const fault = lines.find(line => 'fault' in line)
    if (fault) return breakageOf(inOneLine(fault.fault), played, last, fault.step)
    const leak = lines.find(line => 'leak' in line)
    if (leak) return breakageOf(leakOf(leak.leak), played, last, undefined)
    const reached = reachedIn(lines, last)
    if (lost) return breakageOf(inOneLine(lost.message), played, last, reached)
    if (this.exit === 'silent')
      return breakageOf(
        inOneLine(`a request does not come back within ${SILENCE / 1000} s`),
        played,
        last,
        reached,
      )
    if (lines.some(line => 'end' in line)) return undefined
    throw new MachineryError(`sequences of requests could not be played in ${label}`, {
      details: lastLines(this.#errors, 20),
    })
  }
}

/** The last step that had begun in a sequence. */
function reachedIn(lines: readonly PlayerLine[], sequence: number): number | undefined {
  let current = -1
  let step: number | undefined
  for (const line of lines) {
    if ('sequence' in line) current = line.sequence
    else if ('step' in line && current === sequence) step = line.step
  }
  return step
}

interface Reason {
  readonly key: string
  readonly reason: string
  readonly isLeak?: boolean
}

/** The first report of the kernel, and the sequence in which it came. */
function firstReport(
  records: readonly KernelLogRecord[],
): (Reason & { readonly sequence: number }) | undefined {
  const [splat] = findSplats(records.flatMap(linesOfRecord))
  if (splat === undefined) return undefined
  const marks = records.filter(({ sequence, text }) => sequence < splat.sequence && text.startsWith(logMark))
  const sequence = Number(marks.at(-1)?.text.slice(logMark.length) ?? 0)
  const { key, kind, title } = splat
  return { key, reason: `${kind}: ${title}`, sequence }
}

/** kmemleak's report of an object by the functions that have allocated it, those of a module if there are any. */
function leakOf(report: string): Reason {
  const [first = ''] = report.split(/\n(?=unreferenced object)/)
  const stack = [...first.matchAll(/(\w+)\+0x[\da-f]+\/0x[\da-f]+( \[\w+\])?/g)]
  const own = stack.filter(([, , module]) => module !== undefined)
  const [place = 'a function that is not told'] = (own.length > 0 ? own : stack).map(([, name]) => name)
  const reason = `kmemleak: memory of ${place} that nothing points to any more`
  return { reason, key: reason, isLeak: true }
}

/** A fault by its words, without what differs each time. */
function inOneLine(text: string): Reason {
  const [reason = ''] = text.split('\n', 1)
  return { reason, key: reason.replace(/^step \d+, /, '').replace(/\d+/g, '#') }
}

function breakageOf(
  { key, reason, isLeak = false }: Reason,
  played: readonly (readonly Step[])[],
  sequence: number,
  step: number | undefined,
): Breakage {
  const steps = played[sequence] ?? []
  return {
    key,
    reason,
    sequence,
    // A leak is seen after the last one.
    steps: isLeak || step === undefined ? steps : steps.slice(0, step + 1),
    before: played.slice(0, sequence),
    isLeak,
  }
}
