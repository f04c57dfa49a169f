// SPDX-License-Identifier: MIT
import { otherThread } from '../../guest/agent/protocol.ts'
import type { Decoder } from './decode.ts'
import type { Counted, Frame } from './splats.ts'

/** How many lines of a report are shown as logged. */
const RAW_LINES = 90
/** How many stack frames are shown with source lines. */
const FRAMES = 6

/** A kernel report as failures show it. */
export interface KernelReport {
  readonly kind: string
  readonly title: string
  /** How often it came. */
  readonly count: number
  /** Where in the modules, innermost first. */
  readonly frames: readonly {
    /** "function", or "function [module]". */
    readonly function: string
    /** File and line of the source, where symbols tell. */
    readonly place: string | undefined
  }[]
  /** As logged, cut if it is long. */
  readonly text: string
}

/** A kernel report with the places of its stack in the sources. */
export async function reportOf(
  { splat, count }: Counted,
  decoder: Decoder | undefined,
): Promise<KernelReport> {
  const { kind, title, lines } = splat
  const raw = lines.slice(0, RAW_LINES)
  const rest = lines.length - raw.length
  const certain = splat.frames.filter(frame => frame.certain)
  const places = (await decoder?.places(certain)) ?? []
  // Frames between the module and the report are the kernel's checks, which the text shows.
  const first = Math.max(
    0,
    certain.findIndex(({ module }) => module !== undefined),
  )
  const frames = certain.flatMap((frame, index) => {
    const place = places[index]
    if (index < first || (place === undefined && frame.module === undefined)) return []
    return [{ function: functionOf(frame), place }]
  })
  return {
    kind,
    title,
    count,
    frames: frames.slice(0, FRAMES),
    text: [...raw, ...(rest > 0 ? [`... and ${rest} more lines`] : [])].join('\n'),
  }
}

/** A report in words: what, how often, where in the modules, then its text. */
export function describeReport(report: KernelReport): string {
  return [headOf(report), report.text].filter(Boolean).join('\n\n')
}

/** What, how often, and where in the modules, without the report's text. */
export function headOf({ kind, title, count, frames }: KernelReport): string {
  const what = `${kind}: ${title}${count > 1 ? ` (${count} times)` : ''}`
  const places = frames.map(frame => `  at ${frame.function}${frame.place ? ` ${frame.place}` : ''}`)
  return [what, ...places].join('\n')
}

/**
 * The stacks of the agent's WorkerState, "[<0>] function+0x1/0x2 [module]", with source lines; empty if there is
 * none.
 */
export async function describeStack(stacks: string, decoder: Decoder | undefined): Promise<string> {
  const described = stacks.split('\n\n').map(stack => describeThread(stack, decoder))
  return (await Promise.all(described)).filter(Boolean).join('\n\n')
}

async function describeThread(stack: string, decoder: Decoder | undefined): Promise<string> {
  const who = stack.startsWith(otherThread) ? 'a thread of the test worker' : 'the test worker'
  const frames = [...stack.matchAll(/^\[<0>\] (\S+)\+0x([\da-f]+)\/0x([\da-f]+)(?: \[(\w+)\])?/gm)].map(
    ([, name = '', offset = '', size = '', module]): Frame => ({
      function: name,
      offset: Number.parseInt(offset, 16),
      size: Number.parseInt(size, 16),
      certain: true,
      module,
    }),
  )
  const places = (await decoder?.places(frames)) ?? []
  const lines = frames.map(
    (frame, index) => `  at ${functionOf(frame)}${places[index] ? ` ${places[index]}` : ''}`,
  )
  return lines.length > 0 ? [`${who} waits in the kernel:`, ...lines].join('\n') : ''
}

function functionOf(frame: Frame): string {
  return frame.module === undefined ? frame.function : `${frame.function} [${frame.module}]`
}
