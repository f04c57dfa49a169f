// SPDX-License-Identifier: MIT
import ora, { type Ora } from 'ora'

/**
 * Progress of long work for people: a line for each step, with its time. Goes to stderr, never to the report.
 */
export interface Progress {
  /**
   * Runs `work` as a named step. `update` shows how far it is ("12 of 40 MB"): a terminal always has it, a log
   * gets a line for each step, and one each minute that it is still running. A failed step is marked, and its
   * error passed on.
   */
  step<T>(title: string, work: (update: (detail: string) => void) => Promise<T>): Promise<T>
  /** A line that is not a step: a decision and its reason. */
  note(line: string): void
}

/** How often a log hears of a step that is still running, in milliseconds. */
const SAY_EVERY = 60_000

/** Steps on `stream` (stderr): one spinner for all running steps at a terminal, plain lines elsewhere. */
export function consoleProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  const underWay = new Map<symbol, string>()
  let spinner: Ora | undefined
  const show = () => {
    // A terminal of no width (of a pseudo-terminal nobody has set one): ora 9.4 would clear lines for ever.
    if (!stream.isTTY || stream.columns === 0) return
    if (underWay.size === 0) spinner?.stop()
    else if (spinner?.isSpinning) spinner.text = [...underWay.values()].join('; ')
    else spinner = ora({ text: [...underWay.values()].join('; '), stream, discardStdin: false }).start()
  }
  /** Writes above the spinner. */
  const above = (write: () => void) => {
    spinner?.stop()
    write()
    show()
  }
  return {
    async step(title, work) {
      const started = performance.now()
      const id = Symbol(title)
      const ended = (how: 'succeed' | 'fail', outcome = '') => {
        underWay.delete(id)
        const line = `${title} (${outcome}${seconds(performance.now() - started)})`
        // A spinner that is not started: without a terminal a start prints a line of its own.
        above(() => ora({ stream })[how](line))
      }
      underWay.set(id, title)
      show()
      const still = spinner?.isSpinning
        ? undefined
        : setInterval(() => {
            const line = `${underWay.get(id)}: still running after ${seconds(performance.now() - started)}`
            stream.write(`  ${line}\n`)
          }, SAY_EVERY)
      try {
        const result = await work(detail => {
          underWay.set(id, `${title}: ${detail}`)
          show()
        })
        ended('succeed')
        return result
      } catch (error) {
        ended('fail', 'failed after ')
        throw error
      } finally {
        clearInterval(still)
      }
    },
    note(line) {
      above(() => stream.write(`  ${line}\n`))
    },
  }
}

/** Progress that is not shown. */
export const silentProgress: Progress = {
  step: (_title, work) => work(() => {}),
  note: () => {},
}

/** Whether to colour output, by the same rules as Vitest (tinyrainbow). */
export function wantsColours(
  env: NodeJS.ProcessEnv = process.env,
  argv: readonly string[] = process.argv,
): boolean {
  if ('NO_COLOR' in env || argv.includes('--no-color')) return false
  return (
    'FORCE_COLOR' in env ||
    argv.includes('--color') ||
    'CI' in env ||
    (env.FORCE_TTY !== 'false' && env.TERM !== 'dumb')
  )
}

/** Milliseconds as `1.2 s`, and less than 50 as `12 ms`. */
export function seconds(milliseconds: number): string {
  if (milliseconds < 49.5) return `${Math.round(milliseconds)} ms`
  return `${(milliseconds / 1000).toFixed(1)} s`
}
