import type { Decoder } from './decode.ts'
import type { Counted, Frame } from './splats.ts'

/** So many lines of a report are shown as they were logged. */
const RAW_LINES = 90
/** So many frames of the stack are shown with their places. */
const FRAMES = 6

/** A report of the kernel's as a failure shows it: what, how often, where in the modules, then its own text. */
export async function describeSplat(
  { splat, count }: Counted,
  decoder: Decoder | undefined,
): Promise<string> {
  const certain = splat.frames.filter(frame => frame.certain)
  const places = (await decoder?.places(certain)) ?? []
  const decoded = certain.flatMap((frame, index) => {
    const place = places[index]
    return place !== undefined || frame.module !== undefined ? [{ frame, place }] : []
  })
  const title = `${splat.kind}: ${splat.title}${count > 1 ? ` (${count} times)` : ''}`
  const frames = decoded
    .slice(0, FRAMES)
    .map(({ frame, place }) => `  at ${functionOf(frame)}${place ? ` ${place}` : ''}`)
  const raw = splat.lines.slice(0, RAW_LINES)
  const rest = splat.lines.length - raw.length
  return [
    [title, ...frames].join('\n'),
    [...raw, ...(rest > 0 ? [`... and ${rest} more lines`] : [])].join('\n'),
  ]
    .filter(Boolean)
    .join('\n\n')
}

function functionOf(frame: Frame): string {
  return frame.module === undefined ? frame.function : `${frame.function} [${frame.module}]`
}
