import ora from 'ora'

/** Long work as a person sees it: a line a step, with the time it took. Goes to stderr, never to the report. */
export interface Progress {
  /**
   * Runs `work` as a named step. `update` shows what the step is at ("12 of 40 MB"); at a terminal only, so that
   * a log stays one line a step. A failed step is marked as such and its error passed on.
   */
  step<T>(title: string, work: (update: (detail: string) => void) => Promise<T>): Promise<T>
  /** A line that is not a step: a decision and its reason. */
  note(line: string): void
}

/** Steps on `stream` (stderr): a spinner at a terminal, plain lines elsewhere. */
export function consoleProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  return {
    async step(title, work) {
      const started = performance.now()
      const spinner = ora({ text: title, stream, discardStdin: false })
      // Without a terminal ora prints a line at the start as well; one line a step, at its end, is enough there.
      if (stream.isTTY) spinner.start()
      try {
        const result = await work(detail => {
          if (stream.isTTY) spinner.text = `${title}: ${detail}`
        })
        spinner.succeed(`${title} (${seconds(performance.now() - started)})`)
        return result
      } catch (error) {
        spinner.fail(`${title} (failed after ${seconds(performance.now() - started)})`)
        throw error
      }
    },
    note(line) {
      stream.write(`  ${line}\n`)
    },
  }
}

/** Progress that nobody watches. */
export const silentProgress: Progress = {
  step: (_title, work) => work(() => {}),
  note: () => {},
}

/** Whether output is to be coloured, decided as Vitest decides for its own (tinyrainbow). */
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

/** Milliseconds as `1.2 s`. */
export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`
}
